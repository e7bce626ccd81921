-- A file without a single record is no delivery, and what stood there before is better than nothing.
select *
from {{ ref('int_deliveries') }}
where rows_landed = 0
