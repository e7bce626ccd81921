-- Five questions that the star answers, and `discoveries`, the star with everything joined.
create or replace view p02_comet.discoveries as
select f.planet_name, f.system_name, nullif(s.star_name, 'not known') as star_name, nullif(s.kind, 'not known') as star_kind,
    case when s.star_key > 0 then s.is_inferred end as star_is_inferred, s.stars_in_system, s.right_ascension, s.declination,
    s.distance_pc, s.mass_sun as star_mass_sun, s.radius_sun as star_radius_sun, s.temperature_k as star_temperature_k,
    s.metallicity as star_metallicity, s.mag_v as star_mag_v, s.age_gyr as star_age_gyr, s.spectral_type, s.spectral_class,
    nullif(m.method, 'not known') as method, nullif(c.facility, 'not known') as facility, d.year as discovery_year,
    u.date as updated_on,
    f.mass_mj, f.mass_error_minus, f.mass_error_plus, f.radius_rj, f.radius_error_minus, f.radius_error_plus,
    f.period_days, f.period_error_minus, f.period_error_plus,
    f.semi_major_axis_au, f.semi_major_axis_error_minus, f.semi_major_axis_error_plus,
    f.eccentricity, f.eccentricity_error_minus, f.eccentricity_error_plus,
    f.inclination_deg, f.inclination_error_minus, f.inclination_error_plus,
    f.temperature_k, f.temperature_error_minus, f.temperature_error_plus
from p02_comet.fct_discovery f
join p02_comet.dim_star s using (star_key)
join p02_comet.dim_method m using (method_key)
join p02_comet.dim_facility c using (facility_key)
join p02_comet.dim_date d on d.date_key = f.discovery_date_key
join p02_comet.dim_date u on u.date_key = f.update_date_key;

-- How did the ways of finding planets change over the years?
create or replace view p02_comet.discoveries_by_year as
select d.year, m.label as method, count(*) as planets,
    sum(count(*)) over (partition by m.method_key order by d.year) as so_far
from p02_comet.fct_discovery f
join p02_comet.dim_date d on d.date_key = f.discovery_date_key
join p02_comet.dim_method m using (method_key)
group by d.year, m.method_key, m.label
order by d.year, planets desc, method;

-- What does each way see? Medians over the planets of which the number is known.
create or replace view p02_comet.what_methods_see as
select m.label as method, count(*) as planets, count(f.mass_mj) as masses_known,
    round((percentile_cont(0.5) within group (order by f.mass_mj::double precision))::numeric, 3) as median_mass_mj,
    count(f.radius_rj) as radii_known,
    round((percentile_cont(0.5) within group (order by f.radius_rj::double precision))::numeric, 3) as median_radius_rj,
    round((percentile_cont(0.5) within group (order by f.period_days::double precision))::numeric, 1) as median_period_days,
    round((percentile_cont(0.5) within group (order by s.distance_pc::double precision))::numeric, 0) as median_distance_pc
from p02_comet.fct_discovery f
join p02_comet.dim_method m using (method_key)
join p02_comet.dim_star s using (star_key)
group by m.method_key, m.label
order by planets desc, method;

-- Which surveys found most, and when?
create or replace view p02_comet.surveys as
select c.facility, c.kind, count(*) as planets, min(d.year) as first_year, max(d.year) as last_year,
    round(100.0 * count(*) / sum(count(*)) over (), 1) as percent
from p02_comet.fct_discovery f
join p02_comet.dim_facility c using (facility_key)
join p02_comet.dim_date d on d.date_key = f.discovery_date_key
group by c.facility_key, c.facility, c.kind
order by planets desc, facility;

-- Which stars have the most planets?
create or replace view p02_comet.largest_families as
select s.star_name, s.spectral_type, s.distance_pc, s.stars_in_system, count(*) as planets,
    min(f.period_days) as shortest_period_days, max(f.period_days) as longest_period_days, sum(f.mass_mj) as known_mass_mj
from p02_comet.fct_discovery f
join p02_comet.dim_star s using (star_key)
where s.star_key > 0
group by s.star_key, s.star_name, s.spectral_type, s.distance_pc, s.stars_in_system
having count(*) > 1
order by planets desc, s.star_name;

-- Where could water be liquid? Not hotter than 320 K nor colder than 200 K, and no larger than twice the Earth.
create or replace view p02_comet.temperate_small_planets as
select f.planet_name, s.star_name, s.spectral_class, s.distance_pc, f.temperature_k,
    round(f.radius_rj * 11.209, 2) as radius_earth, f.period_days, d.year as discovery_year
from p02_comet.fct_discovery f
join p02_comet.dim_star s using (star_key)
join p02_comet.dim_date d on d.date_key = f.discovery_date_key
where f.temperature_k between 200 and 320 and f.radius_rj * 11.209 <= 2
order by radius_earth, f.planet_name;
