{%- set likely_albedo = 0.14 -%}
{%- set brightest_albedo = 0.25 -%}
{%- set darkest_albedo = 0.05 -%}

with bodies as (

    select * from {{ ref('int_small_bodies_current') }}

),

grouped as (

    select
        bodies.*,
        case
            when kind = 'asteroid' then {{ asteroid_class(
                'eccentricity', 'semi_major_axis_au', 'perihelion_au', 'aphelion_au') }}
        end as derived_class_code,
        case
            when kind = 'asteroid' and perihelion_au < 1.3
                then {{ neo_group('semi_major_axis_au', 'perihelion_au', 'aphelion_au') }}
        end as neo_group,
        case
            when semi_major_axis_au > 0
                then 5.2044 / semi_major_axis_au
                    + 2 * cos(inclination_deg * {{ radian() }})
                    * sqrt(semi_major_axis_au / 5.2044 * (1 - eccentricity * eccentricity))
        end as tisserand_jupiter
    from bodies

),

distanced as (

    select
        grouped.*,
        case
            when given_moid_au is not null then given_moid_au
            else {{ nodal_distance('perihelion_au', 'eccentricity', 'argument_deg') }}
        end as moid_au,
        case when given_moid_au is not null then 'jpl' else 'nodal_distance' end as moid_source,
        case
            when given_diameter_km is not null then 'measured'
            when absolute_magnitude is null then 'unknown'
            when given_albedo is not null then 'from_albedo'
            else 'assumed_albedo'
        end as diameter_source
    from grouped

),

sized as (

    select
        distanced.*,
        case diameter_source
            when 'measured' then given_diameter_km
            when 'from_albedo' then {{ size_from_magnitude('absolute_magnitude', 'given_albedo') }}
            when 'assumed_albedo' then {{ size_from_magnitude('absolute_magnitude', likely_albedo) }}
        end as diameter_km,
        case diameter_source
            when 'measured' then given_diameter_km
            when 'from_albedo' then {{ size_from_magnitude('absolute_magnitude', 'given_albedo') }}
            when 'assumed_albedo' then {{ size_from_magnitude('absolute_magnitude', brightest_albedo) }}
        end as diameter_min_km,
        case diameter_source
            when 'measured' then given_diameter_km
            when 'from_albedo' then {{ size_from_magnitude('absolute_magnitude', 'given_albedo') }}
            when 'assumed_albedo' then {{ size_from_magnitude('absolute_magnitude', darkest_albedo) }}
        end as diameter_max_km,
        replace(extent, ' ', '') as extent_numbers
    from distanced

),

final as (

    select
        designation,
        full_name,
        kind,
        class_code,
        derived_class_code,
        class_code = derived_class_code as is_class_confirmed,
        is_near_earth,
        neo_group,
        kind = 'asteroid'
        and moid_au <= 0.05
        and coalesce(absolute_magnitude <= 22.0, false) as is_potentially_hazardous,
        orbit_id,
        epoch_mjd,
        {{ mjd_to_date('cast(floor(epoch_mjd) as ' ~ dbt.type_bigint() ~ ')') }} as epoch_on,
        eccentricity,
        perihelion_au,
        semi_major_axis_au,
        aphelion_au,
        period_years,
        inclination_deg,
        node_deg,
        argument_deg,
        mean_anomaly_deg,
        perihelion_jd,
        tisserand_jupiter,
        moid_au,
        moid_source,
        absolute_magnitude,
        diameter_km,
        diameter_min_km,
        diameter_max_km,
        diameter_source,
        case
            when diameter_source = 'assumed_albedo' then {{ as_double(likely_albedo) }}
            else given_albedo
        end as albedo,
        case
            when given_albedo is not null then 'measured'
            when diameter_source = 'assumed_albedo' then 'assumed'
        end as albedo_source,
        {{ to_number(dbt.split_part('extent_numbers', "'x'", 1)) }} as extent_x_km,
        {{ to_number(dbt.split_part('extent_numbers', "'x'", 2)) }} as extent_y_km,
        {{ to_number(dbt.split_part('extent_numbers', "'x'", 3)) }} as extent_z_km,
        rotation_hours,
        file_id
    from sized

)

select * from final
