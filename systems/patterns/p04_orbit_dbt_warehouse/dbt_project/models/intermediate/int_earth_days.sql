{#- Every day an approach is looked for on, two neighbours more, and where the Earth is then (0h, J2000 ecliptic, au):
    Standish's mean elements of the Earth-Moon barycentre, precise to some thousandths of a degree for 1800 to 2050. -#}
{%- set days_before = [var('history_days') | int, var('late_window_days') | int] | max + 1 -%}
{%- set days_after = var('horizon_days') | int + 2 -%}

with numbers as (

    {{ dbt.generate_series(days_before + days_after + 1) }}

),

days as (

    select
        cast(
            {{ dbt.dateadd(
                'day',
                '(cast(numbers.generated_number as ' ~ dbt.type_int() ~ ') - ' ~ (days_before + 1) ~ ')',
                'calendar.as_of'
            ) }} as date
        ) as day
    from numbers
    cross join {{ ref('int_as_of') }} as calendar
    where calendar.as_of is not null

),

dated as (

    select
        day,
        {{ date_to_mjd('day') }} as mjd
    from days

),

centuries as (

    select
        day,
        mjd,
        ({{ as_double('mjd') }} - 51544.5) / 36525.0 as century
    from dated

),

elements as (

    select
        day,
        mjd,
        1.00000261 + 0.00000562 * century as semi_major_axis_au,
        0.01671123 - 0.00004392 * century as eccentricity,
        (-0.00001531 - 0.01294668 * century) * {{ radian() }} as inclination,
        100.46457166 + 35999.37244981 * century as longitude_deg,
        102.93768193 + 0.32327364 * century as perihelion_deg
    from centuries

),

earth as (

    select
        day,
        mjd,
        semi_major_axis_au,
        eccentricity,
        inclination,
        perihelion_deg * {{ radian() }} as argument,
        {{ reduced_radians('(longitude_deg - perihelion_deg)') }} as mean_anomaly
    from elements

),

{{ kepler_ctes('earth') }},

in_plane as (

    select
        day,
        mjd,
        inclination,
        argument,
        semi_major_axis_au * (cos(eccentric_anomaly) - eccentricity) as x_plane,
        semi_major_axis_au * sqrt(1 - eccentricity * eccentricity) * sin(eccentric_anomaly) as y_plane
    from earth_solved

),

final as (

    select
        day,
        mjd,
        x_plane * cos(argument) - y_plane * sin(argument) as earth_x_au,
        (x_plane * sin(argument) + y_plane * cos(argument)) * cos(inclination) as earth_y_au,
        (x_plane * sin(argument) + y_plane * cos(argument)) * sin(inclination) as earth_z_au
    from in_plane

)

select * from final
