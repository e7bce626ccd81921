{{ config(store_failures=true) }}

-- Some refused rows are a source's daily bread; many mean that an answer has a new form. A share says little of a few
-- rows: of those only an answer that is refused as a whole is too much. What a mapping reads has the limit of the
-- mapping; of files that another mapping has read, that of their own run has been obeyed.
with deliveries as (

    select * from {{ ref('int_deliveries') }}

),

files as (

    select * from {{ ref('stg_jpl__files') }}

),

limited as (

    select
        deliveries.file_id,
        deliveries.file_name,
        deliveries.rows_judged,
        deliveries.rows_refused,
        case
            when files.answer_version not like 'map:%' then {{ var('refused_rows_limit') }}
            when files.answer_version = '{{ env_var("ORBIT_MAPPED_BY", "") }}'
                then {{ env_var('ORBIT_MAPPED_LIMIT', '1.0') }}
            else 1.0
        end as share_allowed
    from deliveries
    inner join files on deliveries.file_id = files.file_id

)

select
    file_id,
    file_name,
    rows_judged,
    rows_refused
from limited
where rows_judged > 0
    and (
        rows_refused = rows_judged
        or (rows_judged >= 20 and rows_refused > share_allowed * rows_judged)
    )
order by rows_refused desc
