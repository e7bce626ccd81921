-- events of orders that have no line yet
select
    events.order_id,
    events.event,
    events.happened_at
from {{ ref('int_order_events') }} as events
where not exists (select 1 from {{ ref('int_order_lines') }} as lines where lines.order_id = events.order_id)
