select
    customer_id,
    month_key,
    next_month_key
from (
    select
        customer_id,
        month_key,
        lead(month_key) over (partition by customer_id order by month_key) as next_month_key
    from {{ ref('fct_customer_month') }}
) as months
where next_month_key <> month_key + case when month_key % 100 = 12 then 89 else 1 end
