-- events of orders that have no line yet
select
    order_id,
    event,
    happened_at
from {{ ref('int_order_events') }}
where order_id not in (select order_id from {{ ref('int_order_lines') }})
