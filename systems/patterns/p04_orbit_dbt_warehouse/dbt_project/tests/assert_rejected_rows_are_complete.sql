-- answers_rejected looks each refused record's text up; none may be lost or doubled on the way.
with refused as (

    select sum(rows_refused) as records
    from {{ ref('int_deliveries') }}

),

listed as (

    select count(*) as records
    from {{ ref('answers_rejected') }}

)

select
    refused.records as refused_records,
    listed.records as listed_records
from refused
cross join listed
where refused.records <> listed.records
