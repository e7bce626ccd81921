select
    promotion_group_key,
    sum(weight) as weights
from {{ ref('bridge_promotion_group') }}
group by promotion_group_key
having sum(weight) <> 1
