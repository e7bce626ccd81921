with bodies as (

    select * from {{ ref('dim_small_body') }}
    where is_near_earth

),

coming as (

    select
        approaches.designation,
        approaches.approached_on,
        approaches.distance_au
    from {{ ref('fct_close_approaches') }} as approaches
    cross join {{ ref('int_as_of') }} as calendar
    where approaches.approached_on >= calendar.as_of

),

ranked as (

    select
        coming.*,
        row_number() over (partition by designation order by approached_on, distance_au) as place
    from coming

),

final as (

    select
        bodies.designation,
        bodies.full_name,
        bodies.kind,
        bodies.neo_group,
        bodies.is_potentially_hazardous,
        bodies.perihelion_au,
        bodies.eccentricity,
        bodies.inclination_deg,
        bodies.moid_au,
        bodies.moid_source,
        bodies.absolute_magnitude,
        bodies.diameter_km,
        bodies.diameter_source,
        ranked.approached_on as next_approach_on,
        ranked.distance_au as next_approach_au
    from bodies
    left join ranked on bodies.designation = ranked.designation and ranked.place = 1

)

select * from final
