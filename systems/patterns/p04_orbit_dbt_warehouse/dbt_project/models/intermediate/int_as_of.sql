{#- The day the warehouse speaks of, and the days its approaches reach from and to: one row. -#}

with epochs as (

    select
        kind,
        cast(floor(epoch_mjd) as {{ dbt.type_bigint() }}) as epoch_day
    from {{ ref('int_small_bodies_current') }}

),

counted as (

    select epoch_day, count(*) as asteroids
    from epochs
    where kind = 'asteroid'
    group by epoch_day

),

ranked as (

    select
        epoch_day,
        row_number() over (order by asteroids desc, epoch_day desc) as place
    from counted

),

latest as (

    select max(epoch_day) as epoch_day
    from epochs

),

standard as (

    select coalesce(ranked.epoch_day, latest.epoch_day) as standard_epoch_mjd
    from latest
    left join ranked on ranked.place = 1

),

dated as (

    select
        standard_epoch_mjd,
        coalesce({{ fixed_as_of() }}, {{ mjd_to_date('standard_epoch_mjd') }}) as as_of
    from standard

),

final as (

    select
        standard_epoch_mjd,
        as_of,
        cast({{ dbt.dateadd('day', -var('history_days'), 'as_of') }} as date) as full_from,
        cast({{ dbt.dateadd('day', -var('late_window_days'), 'as_of') }} as date) as late_from,
        cast({{ dbt.dateadd('day', var('horizon_days'), 'as_of') }} as date) as until
    from dated

)

select * from final
