-- Each landed row is judged exactly once: none is lost between raw and refused or accepted, none is doubled.
select *
from {{ ref('int_deliveries') }}
where rows_landed <> rows_judged
