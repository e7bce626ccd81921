select
    return_id,
    order_id,
    line_no,
    returned_at,
    quantity,
    amount,
    reason
from {{ ref('int_returns_compared') }}
where is_first and not is_conflicting
