-- two facts of different grain, made apart from each other, tell the same sums
with lines as (

    select
        order_id,
        count(*) as lines,
        sum(quantity) as quantity,
        sum(amount) as amount
    from {{ ref('fct_order_lines') }}
    group by order_id

)

select
    coalesce(lines.order_id, orders.order_id) as order_id,
    lines.amount as amount_of_lines,
    orders.amount as amount_of_order
from lines
full join {{ ref('fct_order_fulfilment') }} as orders on lines.order_id = orders.order_id
where (lines.lines, lines.quantity, lines.amount) is distinct from (orders.lines, orders.quantity, orders.amount)
