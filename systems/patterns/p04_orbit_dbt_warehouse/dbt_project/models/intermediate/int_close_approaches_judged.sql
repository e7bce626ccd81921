{%- set numbers = ['jd', 'dist', 'dist_min', 'dist_max', 'v_rel', 'v_inf', 'h'] -%}
{%- set allowed = [
    ('jd', '{} between 2378496.5 and 2597641.5'),
    ('dist', '{} > 0 and {} <= 10'),
    ('dist_min', '{} >= 0'),
    ('dist_max', '{} >= 0'),
    ('v_rel', '{} > 0'),
    ('v_inf', '{} > 0'),
    ('h', '{} between -50 and 50'),
] -%}

with approaches as (

    select * from {{ ref('stg_jpl__close_approaches') }}

),

typed as (

    select
        approaches.*,
        {%- for number in numbers %}
        {{ to_number(number) }} as {{ number }}_number{{ ',' if not loop.last }}
        {%- endfor %}
    from approaches

),

checked as (

    select
        typed.*,
        case
            when landing_error is not null then landing_error || ':'
            when designation is null then 'no_designation:des'
            {{- not_a_number_rules(numbers) }}
            {{- missing_rules(['jd', 'dist']) }}
            {{- out_of_range_rules(allowed) }}
        end as verdict
    from typed

),

timed as (

    select
        checked.*,
        case when verdict is null then {{ julian_day_to_utc('jd_number') }} end as approached_at
    from checked

),

dated as (

    select
        timed.*,
        cast(approached_at as date) as approached_on
    from timed

),

repeated as (

    select
        file_id,
        designation,
        approached_on
    from dated
    where verdict is null
    group by file_id, designation, approached_on
    having count(*) > 1

),

compared as (

    select
        dated.*,
        case when repeated.file_id is null then verdict else 'duplicate_approach:jd' end as final_verdict
    from dated
    left join repeated
        on dated.file_id = repeated.file_id
        and dated.designation = repeated.designation
        and dated.approached_on = repeated.approached_on

),

final as (

    select
        file_id,
        line,
        byte_offset,
        designation,
        orbit_id,
        approached_at,
        approached_on,
        dist_number as dist,
        dist_min_number as dist_min,
        dist_max_number as dist_max,
        v_rel_number as v_rel,
        v_inf_number as v_inf,
        h_number as h,
        {{ split_verdict('final_verdict', 1) }} as rule,
        {{ split_verdict('final_verdict', 2) }} as rule_column
    from compared

)

select * from final
