{{ config(severity='warn', store_failures=true) }}

-- Where JPL says whether a body is a near-Earth object, the elements should say the same.
select
    bodies.designation,
    bodies.full_name,
    bodies.kind,
    flags.neo_flag,
    bodies.is_near_earth,
    bodies.perihelion_au,
    bodies.period_years
from {{ ref('dim_small_body') }} as bodies
inner join {{ ref('int_small_bodies_current') }} as flags on bodies.designation = flags.designation
where (flags.neo_flag = 'Y' and not bodies.is_near_earth)
    or (flags.neo_flag = 'N' and bodies.is_near_earth)
