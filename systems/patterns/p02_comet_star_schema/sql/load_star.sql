-- Derive the star again for the systems that have changed (of a full load: for all there are). What stays as it is is not
-- written. All of it is one transaction: no reader ever sees a fact without its members.
set local search_path = p02_comet, p02_comet_operational, pg_temp;

\set step dimensions.before
\ir step.sql
\if :full
    insert into changed select name from system union select system_name from fct_discovery
    union select system_name from dim_star where system_name is not null on conflict do nothing;
\endif
create temporary table touched (system text) on commit drop;
with gone as (delete from changed returning system) -- at once: a note that comes meanwhile stays for the next load
insert into touched select system from gone;
create unique index on touched (system);
analyze touched;
select count(*) > 0.1 * greatest((select reltuples from pg_class where oid = 'p02_comet.dim_star'::regclass), 1000) as is_large
from touched \gset

insert into dim_method as known (method, label) select name, label from method
on conflict (method) do update set label = excluded.label where known.label <> excluded.label;

insert into dim_facility as known (facility, kind) select name, kind from facility
on conflict (facility) do update set kind = excluded.kind where known.kind <> excluded.kind;

with wanted as (
    select h.name, s.name as system_name, h.kind, n.stars_in_system, s.right_ascension, s.declination, s.distance_pc,
        h.mass_sun, h.radius_sun, h.temperature_k, h.metallicity, h.mag_v, h.age_gyr, h.spectral_type,
        substring(upper(h.spectral_type) from '^[OBAFGKMLTY]') as spectral_class, not h.is_described as is_inferred
    from touched t join system s on s.name = t.system join host h using (system_id)
    cross join lateral (
        select count(*)::integer as stars_in_system from host o where o.system_id = s.system_id and o.kind = 'star'
    ) n
), written as (
    insert into dim_star as known (
        star_name, system_name, kind, stars_in_system, right_ascension, declination, distance_pc, mass_sun, radius_sun,
        temperature_k, metallicity, mag_v, age_gyr, spectral_type, spectral_class, is_inferred)
    select * from wanted
    on conflict (star_name) do update set
        system_name = excluded.system_name, kind = excluded.kind, stars_in_system = excluded.stars_in_system,
        right_ascension = excluded.right_ascension, declination = excluded.declination, distance_pc = excluded.distance_pc,
        mass_sun = excluded.mass_sun, radius_sun = excluded.radius_sun, temperature_k = excluded.temperature_k,
        metallicity = excluded.metallicity, mag_v = excluded.mag_v, age_gyr = excluded.age_gyr,
        spectral_type = excluded.spectral_type, spectral_class = excluded.spectral_class, is_inferred = excluded.is_inferred
    where (known.system_name, known.kind, known.stars_in_system, known.right_ascension, known.declination, known.distance_pc, known.mass_sun,
            known.radius_sun, known.temperature_k, known.metallicity, known.mag_v, known.age_gyr, known.spectral_type, known.spectral_class,
            known.is_inferred)
        is distinct from
        (excluded.system_name, excluded.kind, excluded.stars_in_system, excluded.right_ascension, excluded.declination,
            excluded.distance_pc, excluded.mass_sun, excluded.radius_sun, excluded.temperature_k, excluded.metallicity,
            excluded.mag_v, excluded.age_gyr, excluded.spectral_type, excluded.spectral_class, excluded.is_inferred)
    returning (known.xmax = 0) as is_new
)
select count(*) filter (where is_new) as stars_inserted, count(*) filter (where not is_new) as stars_updated
from written \gset

\if :is_large
    analyze dim_star;
\endif

\set step facts.before
\ir step.sql
with removed as (
    delete from fct_discovery f using touched t
    where f.system_name = t.system and not exists (
        select from planet p join system s using (system_id)
        where p.name = f.planet_name and s.name = f.system_name and p.status = 'confirmed')
    and not exists ( -- it is in another system now, and is written there
        select from planet p join system s using (system_id) join touched o on o.system = s.name
        where p.name = f.planet_name and p.status = 'confirmed')
    returning 1
)
select count(*) as facts_deleted from removed \gset

with wanted as (
    select p.name, s.name as system_name, coalesce(d.star_key, -1) as star_key, coalesce(dm.method_key, -1) as method_key,
        coalesce(df.facility_key, -1) as facility_key, coalesce(p.discovery_year * 10000, -1) as discovery_date_key,
        coalesce(to_char(p.updated_on, 'YYYYMMDD')::integer, -1) as update_date_key,
        p.mass_mj, p.mass_error_minus, p.mass_error_plus, p.radius_rj, p.radius_error_minus, p.radius_error_plus,
        p.period_days, p.period_error_minus, p.period_error_plus,
        p.semi_major_axis_au, p.semi_major_axis_error_minus, p.semi_major_axis_error_plus,
        p.eccentricity, p.eccentricity_error_minus, p.eccentricity_error_plus,
        p.inclination_deg, p.inclination_error_minus, p.inclination_error_plus,
        p.temperature_k, p.temperature_error_minus, p.temperature_error_plus, :load_id::bigint as load_id
    from touched t join system s on s.name = t.system join planet p using (system_id)
    left join host h using (host_id) left join dim_star d on d.star_name = h.name
    left join method m using (method_id) left join dim_method dm on dm.method = m.name
    left join facility f using (facility_id) left join dim_facility df on df.facility = f.name
    where p.status = 'confirmed'
), written as (
    insert into fct_discovery as known select * from wanted
    on conflict (planet_name) do update set
        system_name = excluded.system_name, star_key = excluded.star_key, method_key = excluded.method_key,
        facility_key = excluded.facility_key, discovery_date_key = excluded.discovery_date_key,
        update_date_key = excluded.update_date_key, mass_mj = excluded.mass_mj,
        mass_error_minus = excluded.mass_error_minus, mass_error_plus = excluded.mass_error_plus,
        radius_rj = excluded.radius_rj, radius_error_minus = excluded.radius_error_minus,
        radius_error_plus = excluded.radius_error_plus, period_days = excluded.period_days,
        period_error_minus = excluded.period_error_minus, period_error_plus = excluded.period_error_plus,
        semi_major_axis_au = excluded.semi_major_axis_au,
        semi_major_axis_error_minus = excluded.semi_major_axis_error_minus,
        semi_major_axis_error_plus = excluded.semi_major_axis_error_plus, eccentricity = excluded.eccentricity,
        eccentricity_error_minus = excluded.eccentricity_error_minus,
        eccentricity_error_plus = excluded.eccentricity_error_plus, inclination_deg = excluded.inclination_deg,
        inclination_error_minus = excluded.inclination_error_minus,
        inclination_error_plus = excluded.inclination_error_plus, temperature_k = excluded.temperature_k,
        temperature_error_minus = excluded.temperature_error_minus,
        temperature_error_plus = excluded.temperature_error_plus, load_id = excluded.load_id
    where (known.system_name, known.star_key, known.method_key, known.facility_key, known.discovery_date_key, known.update_date_key,
            known.mass_mj, known.mass_error_minus, known.mass_error_plus,
            known.radius_rj, known.radius_error_minus, known.radius_error_plus,
            known.period_days, known.period_error_minus, known.period_error_plus,
            known.semi_major_axis_au, known.semi_major_axis_error_minus, known.semi_major_axis_error_plus,
            known.eccentricity, known.eccentricity_error_minus, known.eccentricity_error_plus,
            known.inclination_deg, known.inclination_error_minus, known.inclination_error_plus,
            known.temperature_k, known.temperature_error_minus, known.temperature_error_plus) is distinct from
        (excluded.system_name, excluded.star_key, excluded.method_key, excluded.facility_key,
            excluded.discovery_date_key, excluded.update_date_key,
            excluded.mass_mj, excluded.mass_error_minus, excluded.mass_error_plus,
            excluded.radius_rj, excluded.radius_error_minus, excluded.radius_error_plus,
            excluded.period_days, excluded.period_error_minus, excluded.period_error_plus,
            excluded.semi_major_axis_au, excluded.semi_major_axis_error_minus, excluded.semi_major_axis_error_plus,
            excluded.eccentricity, excluded.eccentricity_error_minus, excluded.eccentricity_error_plus,
            excluded.inclination_deg, excluded.inclination_error_minus, excluded.inclination_error_plus,
            excluded.temperature_k, excluded.temperature_error_minus, excluded.temperature_error_plus)
    returning (known.xmax = 0) as is_new
)
select count(*) filter (where is_new) as facts_inserted, count(*) filter (where not is_new) as facts_updated
from written \gset

-- stars that are no more: no fact is left to them
with removed as (
    delete from dim_star d using touched t
    where d.system_name = t.system and not exists (select from host h where h.name = d.star_name)
    returning 1
)
select count(*) as stars_deleted from removed \gset

reset search_path;
