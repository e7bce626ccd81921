{#- Rules 10 and 11, and which solution counts: for these a row must be compared with others. Most designations are
    there once and need no window, so only the others are looked at. -#}

with passed as (

    select
        file_id,
        designation,
        epoch_mjd
    from {{ ref('int_small_bodies_checked') }}
    where rule is null

),

repeated as (

    select designation
    from passed
    group by designation
    having count(*) > 1

),

grouped as (

    select
        passed.designation,
        passed.file_id,
        count(*) as rows_in_file,
        max(passed.epoch_mjd) as epoch_mjd
    from passed
    inner join repeated on passed.designation = repeated.designation
    group by passed.designation, passed.file_id

),

sequenced as (

    select
        grouped.*,
        max(case when rows_in_file = 1 then epoch_mjd end) over (
            partition by designation
            order by file_id
            rows between unbounded preceding and 1 preceding
        ) as earlier_epoch_mjd
    from grouped

),

ruled as (

    select
        designation,
        file_id,
        case
            when rows_in_file > 1 then 'duplicate_designation'
            when earlier_epoch_mjd > epoch_mjd then 'epoch_moved_back'
        end as rule
    from sequenced

),

final as (

    select
        designation,
        file_id,
        rule,
        case rule
            when 'duplicate_designation' then 'full_name'
            when 'epoch_moved_back' then 'epoch_mjd'
        end as rule_column,
        max(case when rule is null then file_id end) over (partition by designation) as current_file_id
    from ruled

)

select * from final
