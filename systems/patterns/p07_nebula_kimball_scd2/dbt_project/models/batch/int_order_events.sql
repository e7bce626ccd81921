select
    order_id,
    event,
    happened_at
from {{ ref('int_events_compared') }}
where is_first and not is_conflicting
