{%- set days = '(partition by body_number order by mjd)' -%}
{#- Two-body motion of every near-Earth body, day by day, and the days its distance from the Earth is smallest. -#}

with bodies as (

    select
        row_number() over (order by designation) as body_number,
        designation,
        orbit_id,
        file_id,
        epoch_mjd,
        eccentricity,
        semi_major_axis_au,
        -- A size of orbit below this is inside the Sun, and its daily motion has no meaning.
        0.9856076686 / power(semi_major_axis_au, 1.5) as motion_deg,
        mean_anomaly_deg,
        perihelion_jd,
        argument_deg * {{ radian() }} as argument,
        node_deg * {{ radian() }} as node,
        inclination_deg * {{ radian() }} as inclination
    from {{ ref('int_small_bodies_current') }}
    where is_near_earth
        and eccentricity < 0.995
        and semi_major_axis_au > 1e-6
        -- A time of perihelion farther from the epoch than a period is none of this orbit (an MJD, a slip of the pen).
        and (
            mean_anomaly_deg is not null
            or abs(perihelion_jd - 2400000.5 - epoch_mjd) <= 365.25 * power(semi_major_axis_au, 1.5)
        )

),

-- The two axes of each orbit in the ecliptic; they do not change from day to day.
axes as (

    select
        body_number,
        epoch_mjd,
        eccentricity,
        motion_deg,
        coalesce(mean_anomaly_deg, 0.0) as anomaly_deg,
        case when mean_anomaly_deg is not null then epoch_mjd else perihelion_jd - 2400000.5 end as anomaly_mjd,
        semi_major_axis_au * (cos(node) * cos(argument) - sin(node) * sin(argument) * cos(inclination)) as px,
        semi_major_axis_au * (sin(node) * cos(argument) + cos(node) * sin(argument) * cos(inclination)) as py,
        semi_major_axis_au * sin(argument) * sin(inclination) as pz,
        -semi_major_axis_au * sqrt(1 - eccentricity * eccentricity)
        * (cos(node) * sin(argument) + sin(node) * cos(argument) * cos(inclination)) as qx,
        -semi_major_axis_au * sqrt(1 - eccentricity * eccentricity)
        * (sin(node) * sin(argument) - cos(node) * cos(argument) * cos(inclination)) as qy,
        semi_major_axis_au * sqrt(1 - eccentricity * eccentricity) * cos(argument) * sin(inclination) as qz
    from bodies

),

motion as (

    select
        axes.body_number,
        axes.eccentricity,
        axes.px,
        axes.py,
        axes.pz,
        axes.qx,
        axes.qy,
        axes.qz,
        days.mjd,
        days.earth_x_au,
        days.earth_y_au,
        days.earth_z_au,
        {{ reduced_radians('(axes.anomaly_deg + axes.motion_deg * (days.mjd - axes.anomaly_mjd))') }} as mean_anomaly
    from axes
    cross join {{ ref('int_earth_days') }} as days
    where abs(days.mjd - axes.epoch_mjd) <= {{ var('elements_valid_days') }}

),

{{ kepler_ctes('motion') }},

in_plane as (

    select
        motion_solved.*,
        cos(eccentric_anomaly) - eccentricity as along,
        sin(eccentric_anomaly) as across
    from motion_solved

),

distances as (

    select
        body_number,
        mjd,
        px * along + qx * across - earth_x_au as dx,
        py * along + qy * across - earth_y_au as dy,
        pz * along + qz * across - earth_z_au as dz
    from in_plane

),

squares as (

    select
        body_number,
        mjd,
        dx,
        dy,
        dz,
        dx * dx + dy * dy + dz * dz as square
    from distances

),

neighbours as (

    select
        body_number,
        mjd,
        square,
        lag(square) over {{ days }} as square_before,
        lead(square) over {{ days }} as square_after,
        lead(dx) over {{ days }} - lag(dx) over {{ days }} as moved_x,
        lead(dy) over {{ days }} - lag(dy) over {{ days }} as moved_y,
        lead(dz) over {{ days }} - lag(dz) over {{ days }} as moved_z
    from squares

),

-- A parabola through three days gives the moment between them.
curves as (

    select
        body_number,
        mjd,
        square,
        square_before - square_after as slope,
        square_before - 2 * square + square_after as curvature,
        sqrt(moved_x * moved_x + moved_y * moved_y + moved_z * moved_z) as moved_in_two_days
    from neighbours
    where square_before > square
        and square <= square_after

),

minima as (

    select
        body_number,
        mjd,
        moved_in_two_days,
        0.5 * slope / curvature as offset_days,
        sqrt(greatest(square - 0.25 * slope * (0.5 * slope / curvature), 0.0)) as distance_au
    from curves

),

moments as (

    select
        body_number,
        (mjd - 40587) * 86400 + {{ round_half_up('offset_days * 86400.0') }} as epoch_second,
        distance_au,
        moved_in_two_days / 2 * {{ km_per_au() }} / 86400.0 as speed_km_s
    from minima
    where distance_au <= {{ var('approach_limit_au') }}

),

timed as (

    select
        bodies.designation,
        bodies.orbit_id,
        bodies.epoch_mjd,
        bodies.file_id,
        {{ epoch_second_to_utc('moments.epoch_second') }} as approached_at,
        {{ as_double('moments.epoch_second') }} / 86400.0 + 40587 - bodies.epoch_mjd as days_from_epoch,
        moments.distance_au,
        moments.speed_km_s
    from moments
    inner join bodies on moments.body_number = bodies.body_number

),

dated as (

    select
        timed.*,
        cast(approached_at as date) as approached_on
    from timed

),

final as (

    select
        {{ close_approach_id('dated.designation', 'computed', 'dated.approached_on') }} as close_approach_id,
        dated.designation,
        'computed' as origin,
        dated.approached_at,
        dated.approached_on,
        dated.distance_au,
        dated.speed_km_s,
        dated.orbit_id,
        dated.epoch_mjd,
        dated.days_from_epoch,
        dated.file_id
    from dated
    cross join {{ ref('int_as_of') }} as calendar
    where dated.approached_on <= calendar.until

)

select * from final
