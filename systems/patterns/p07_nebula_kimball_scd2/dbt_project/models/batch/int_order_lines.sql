select
    order_id,
    line_no,
    customer_id,
    product_id,
    ordered_at,
    quantity,
    amount,
    coalesce(channel, 'not told') as channel,
    coalesce(payment, 'not told') as payment,
    {{ promotion_codes('promotions') }} as promotion_codes,
    order_id in (select order_id from {{ ref('int_orders_touched') }}) as is_touched
from {{ ref('int_lines_compared') }}
where is_first and not is_conflicting
