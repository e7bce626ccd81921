with bodies as (

    select * from {{ ref('dim_small_body') }}

),

classes as (

    select * from {{ ref('dim_orbit_class') }}

),

counted as (

    select
        class_code,
        count(*) as bodies,
        sum(case when is_near_earth then 1 else 0 end) as near_earth,
        sum(case when is_potentially_hazardous then 1 else 0 end) as potentially_hazardous,
        sum(case when diameter_source = 'measured' then 1 else 0 end) as diameters_measured,
        sum(case when is_class_confirmed then 1 else 0 end) as classes_confirmed,
        max(diameter_km) as largest_diameter_km,
        {{ median_state('perihelion_au') }} as perihelion_state,
        {{ median_state('inclination_deg') }} as inclination_state
    from bodies
    group by class_code

),

largest as (

    select
        bodies.class_code,
        min(bodies.designation) as designation
    from bodies
    inner join counted
        on bodies.class_code = counted.class_code
        and bodies.diameter_km = counted.largest_diameter_km
    group by bodies.class_code

),

final as (

    select
        counted.class_code,
        classes.name,
        classes.kind,
        cast(counted.bodies as {{ dbt.type_bigint() }}) as bodies,
        cast(counted.near_earth as {{ dbt.type_bigint() }}) as near_earth,
        cast(counted.potentially_hazardous as {{ dbt.type_bigint() }}) as potentially_hazardous,
        cast(counted.diameters_measured as {{ dbt.type_bigint() }}) as diameters_measured,
        cast(counted.classes_confirmed as {{ dbt.type_bigint() }}) as classes_confirmed,
        largest.designation as largest_designation,
        counted.largest_diameter_km,
        {{ median_of_state('counted.perihelion_state') }} as median_perihelion_au,
        {{ median_of_state('counted.inclination_state') }} as median_inclination_deg
    from counted
    inner join classes on counted.class_code = classes.class_code
    left join largest on counted.class_code = largest.class_code

)

select * from final
