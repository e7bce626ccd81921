{# The tests of int_deliveries stand before this model, and so before every mart but the list of refused rows. #}
-- depends_on: {{ ref('int_deliveries') }}

with judged as (

    select * from {{ ref('int_small_bodies_judged') }}
    where is_current

),

shaped as (

    select
        designation,
        full_name,
        kind,
        class_code,
        neo as neo_flag,
        orbit_id,
        epoch_mjd,
        e as eccentricity,
        coalesce(q, a * (1 - e)) as perihelion_au,
        case when e < 1 then coalesce(a, q / (1 - e)) end as semi_major_axis_au,
        i as inclination_deg,
        om as node_deg,
        w as argument_deg,
        ma as mean_anomaly_deg,
        tp as perihelion_jd,
        case when e < 1 then per_y end as given_period_years,
        moid as given_moid_au,
        h as absolute_magnitude,
        diameter as given_diameter_km,
        albedo as given_albedo,
        extent,
        rot_per as rotation_hours,
        file_id
    from judged

),

timed as (

    select
        shaped.*,
        semi_major_axis_au * (1 + eccentricity) as aphelion_au,
        case
            when given_period_years is not null then given_period_years
            when semi_major_axis_au > 0 then power(semi_major_axis_au, 1.5)
        end as period_years
    from shaped

),

final as (

    select
        timed.*,
        -- A near-Earth comet is a short-period one as well; without a period it is none.
        perihelion_au < 1.3 and (kind = 'asteroid' or coalesce(period_years < 200, false)) as is_near_earth
    from timed

)

select * from final
