select
    compared.order_id,
    compared.line_no,
    compared.customer_id,
    compared.product_id,
    compared.ordered_at,
    compared.quantity,
    compared.amount,
    coalesce(compared.channel, 'not told') as channel,
    coalesce(compared.payment, 'not told') as payment,
    {{ promotion_codes('compared.promotions') }} as promotion_codes,
    touched.order_id is not null as is_touched
from {{ ref('int_lines_compared') }} as compared
left join {{ ref('int_orders_touched') }} as touched on compared.order_id = touched.order_id
where compared.is_first and not compared.is_conflicting
