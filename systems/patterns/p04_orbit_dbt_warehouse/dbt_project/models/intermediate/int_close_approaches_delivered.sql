{# Accepted rows of JPL, the newest file's for each body and day; the tests of int_deliveries stand before them. #}
-- depends_on: {{ ref('int_deliveries') }}

with accepted as (

    select * from {{ ref('int_close_approaches_judged') }}
    where rule is null

),

ranked as (

    select
        accepted.*,
        row_number() over (partition by designation, approached_on order by file_id desc) as place
    from accepted

),

final as (

    select
        {{ close_approach_id('designation', 'jpl', 'approached_on') }} as close_approach_id,
        designation,
        'jpl' as origin,
        approached_at,
        approached_on,
        dist as distance_au,
        v_rel as speed_km_s,
        orbit_id,
        {{ as_double('null') }} as epoch_mjd,
        {{ as_double('null') }} as days_from_epoch,
        file_id
    from ranked
    where place = 1

)

select * from final
