-- The shapes of an ellipse hold together: q <= a <= Q and q + Q = 2a, within what JPL's own rounding leaves.
select
    designation,
    perihelion_au,
    semi_major_axis_au,
    aphelion_au
from {{ ref('dim_small_body') }}
where eccentricity < 1
    and abs(perihelion_au + aphelion_au - 2 * semi_major_axis_au) > 0.001 * greatest(1, perihelion_au)
