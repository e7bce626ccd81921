select
    returns.return_id,
    returns.order_id,
    returns.line_no,
    coalesce(customers.customer_key, -1) as customer_key,
    case
        when lines.order_id is not null and lines.product_id is null then -2
        else coalesce(products.product_key, -1)
    end as product_key,
    {{ date_key('returns.returned_at') }} as returned_date_key,
    {{ date_key('lines.ordered_at') }} as ordered_date_key,
    returns.quantity,
    returns.amount,
    returns.reason
from {{ ref('int_returns') }} as returns
left join {{ ref('int_order_lines') }} as lines
    on returns.order_id = lines.order_id and returns.line_no = lines.line_no
left join {{ as_it_will_be('customer', ref('int_order_lines')) }} as customers
    on lines.customer_id = customers.customer_id and {{ valid_at('customers', 'returns.returned_at') }}
left join {{ as_it_will_be('product', ref('int_order_lines')) }} as products
    on lines.product_id = products.product_id and {{ valid_at('products', 'returns.returned_at') }}
where returns.order_id in (select order_id from {{ ref('int_orders_touched') }})
