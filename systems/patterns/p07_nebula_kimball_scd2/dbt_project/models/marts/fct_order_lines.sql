with lines as (

    select * from {{ ref('int_order_lines') }} where is_touched

)

select
    lines.order_id,
    lines.line_no,
    coalesce(customers.customer_key, -1) as customer_key,
    case when lines.product_id is null then -2 else coalesce(products.product_key, -1) end as product_key,
    {{ date_key('lines.ordered_at') }} as date_key,
    {{ surrogate_key(['lines.channel', 'lines.payment', 'lines.promotion_codes is not null']) }} as profile_key,
    case
        when lines.promotion_codes is null then -2
        else {{ surrogate_key(['lines.promotion_codes']) }}
    end as promotion_group_key,
    lines.ordered_at,
    lines.quantity,
    lines.amount
from lines
left join {{ as_it_will_be('customer', ref('int_order_lines')) }} as customers
    on lines.customer_id = customers.customer_id and {{ valid_at('customers', 'lines.ordered_at') }}
left join {{ as_it_will_be('product', ref('int_order_lines')) }} as products
    on lines.product_id = products.product_id and {{ valid_at('products', 'lines.ordered_at') }}
