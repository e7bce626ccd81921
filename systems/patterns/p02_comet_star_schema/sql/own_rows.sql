-- What a row of a user's own table of planets says (`good`: contracts/planets.odcs.yaml, with its place in the file), as the
-- rows that jobs/unpack.py would write: the system, if anything is known of it; the star, likewise; the planet. DuckDB runs it.
-- A system is called after its star, or its planet, where the table does not say more.
select line, byte_offset, byte_length, coalesce(system, star, planet), right_ascension, declination, distance_pc, 't'
from good where coalesce(right_ascension, declination, cast(distance_pc as varchar)) is not null;

select line, byte_offset, byte_length, coalesce(system, star), star, 'star', null, star_mass_sun, star_radius_sun,
    star_temperature_k, star_metallicity, star_mag_v, star_age_gyr, spectral_type
from good
where star is not null and (spectral_type is not null or coalesce(
    star_mass_sun, star_radius_sun, star_temperature_k, star_metallicity, star_mag_v, star_age_gyr) is not null);

select line, byte_offset, byte_length, coalesce(system, star, planet), star, case when star is not null then 'star' end,
    planet, status, method, facility, discovery_year, updated_on,
    mass_mj, case when mass_mj is not null then mass_error_minus end, case when mass_mj is not null then mass_error_plus end,
    radius_rj, case when radius_rj is not null then radius_error_minus end,
    case when radius_rj is not null then radius_error_plus end,
    period_days, case when period_days is not null then period_error_minus end,
    case when period_days is not null then period_error_plus end,
    semi_major_axis_au, case when semi_major_axis_au is not null then semi_major_axis_error_minus end,
    case when semi_major_axis_au is not null then semi_major_axis_error_plus end,
    eccentricity, case when eccentricity is not null then eccentricity_error_minus end,
    case when eccentricity is not null then eccentricity_error_plus end,
    inclination_deg, case when inclination_deg is not null then inclination_error_minus end,
    case when inclination_deg is not null then inclination_error_plus end,
    temperature_k, case when temperature_k is not null then temperature_error_minus end,
    case when temperature_k is not null then temperature_error_plus end
from good;
