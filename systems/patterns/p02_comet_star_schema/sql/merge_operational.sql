-- Bring the operational schema to what the landed rows say. Rows that stay as they are are not written.
set local search_path = p02_comet_operational, pg_temp;

select exists (select from landed_files join source using (file_name)) as restates_files \gset
insert into source (file_name) select file_name from landed_files on conflict do nothing;

create temporary table sources on commit drop as
select l.number, s.source_id, l.is_whole from landed_files l join source s using (file_name);
analyze sources; -- one row a file: without that the planner thinks of thousands, and sorts the planets

-- systems that a catalogue restates, whole; tables of planets only add to what they name
create temporary table restated on commit drop as
select distinct system as name from landed_systems join landed_files using (number) where is_whole;
create unique index on restated (name);
create index on landed_planets (planet);
analyze restated;

-- a load that is large for what is there: the planner is told so between the steps
select (select count(*) from landed_planets) > 0.1 * greatest(reltuples, 1000) as is_large
from pg_class where oid = 'p02_comet_operational.planet'::regclass \gset

\set step systems.before
\ir step.sql
insert into method (name, label) select distinct method, method from landed_planets where method is not null
on conflict do nothing;
insert into facility (name, kind) select distinct facility, 'not known' from landed_planets where facility is not null
on conflict do nothing;

-- one row a system: of a catalogue as it is, of a table of planets the last line that describes it, else by name only
create temporary table wanted_systems on commit drop as
select system as name, max(right_ascension) as right_ascension, max(declination) as declination,
    max(distance_pc) as distance_pc, bool_or(is_kept) as is_described, source_id, is_whole
from landed_systems join sources using (number) where is_whole group by system, source_id, is_whole
union all
select * from (
    select distinct on (system) system, right_ascension, declination, distance_pc, true, source_id, is_whole
    from landed_systems join sources using (number) where not is_whole order by system, number desc, line desc
) as of_table
union all
select * from (
    select distinct on (system) system, null, null, null::numeric, false, source_id, is_whole
    from (
        select number, line, system from landed_hosts union all select number, line, system from landed_planets
    ) as l join sources using (number)
    where not exists (select from landed_systems s where s.system = l.system) order by system, number desc, line desc
) as named;
create index on wanted_systems (name);
analyze wanted_systems;

insert into system as known (name, right_ascension, declination, distance_pc, is_described, source_id)
select name, right_ascension, declination, distance_pc, is_described, source_id from wanted_systems
where is_whole or is_described or not exists (select from system s where s.name = wanted_systems.name)
on conflict (name) do update set
    right_ascension = excluded.right_ascension, declination = excluded.declination, distance_pc = excluded.distance_pc,
    is_described = excluded.is_described, source_id = excluded.source_id
where (known.right_ascension, known.declination, known.distance_pc, known.is_described, known.source_id) is distinct from
    (excluded.right_ascension, excluded.declination, excluded.distance_pc, excluded.is_described, excluded.source_id);

\if :is_large
    analyze system;
\endif
\set step hosts.before
\ir step.sql
-- one row a host, in the same way; one that only a planet names is not described yet
create temporary table wanted_hosts on commit drop as
select system, host as name, kind, part_of, mass_sun, radius_sun, temperature_k, metallicity, mag_v, age_gyr, spectral_type,
    true as is_described, source_id, is_whole
from landed_hosts join sources using (number) where is_whole
union all
select * from (
    select distinct on (host) system, host, kind, part_of, mass_sun, radius_sun, temperature_k, metallicity, mag_v, age_gyr,
        spectral_type, true, source_id, is_whole
    from landed_hosts join sources using (number) where not is_whole order by host, number desc, line desc
) as of_table
union all
select * from (
    select distinct on (host) system, host, host_kind, null, null::numeric, null::numeric, null::numeric, null::numeric,
        null::numeric, null::numeric, null, false, source_id, is_whole
    from landed_planets l join sources using (number)
    where host is not null and not exists (select from landed_hosts h where h.host = l.host)
    order by host, number desc, line desc
) as named;
create index on wanted_hosts (name);
analyze wanted_hosts;

insert into host as known (
    system_id, name, kind, mass_sun, radius_sun, temperature_k, metallicity, mag_v, age_gyr, spectral_type, is_described,
    source_id)
select s.system_id, w.name, w.kind, w.mass_sun, w.radius_sun, w.temperature_k, w.metallicity, w.mag_v, w.age_gyr,
    w.spectral_type, w.is_described, w.source_id
from wanted_hosts w join system s on s.name = w.system
where w.is_whole or w.is_described or not exists (select from host o where o.name = w.name)
on conflict (name) do update set
    system_id = excluded.system_id, kind = excluded.kind, mass_sun = excluded.mass_sun, radius_sun = excluded.radius_sun,
    temperature_k = excluded.temperature_k, metallicity = excluded.metallicity, mag_v = excluded.mag_v,
    age_gyr = excluded.age_gyr, spectral_type = excluded.spectral_type, is_described = excluded.is_described,
    source_id = excluded.source_id
where (known.system_id, known.kind, known.mass_sun, known.radius_sun, known.temperature_k, known.metallicity, known.mag_v, known.age_gyr,
        known.spectral_type, known.is_described, known.source_id) is distinct from
    (excluded.system_id, excluded.kind, excluded.mass_sun, excluded.radius_sun, excluded.temperature_k,
        excluded.metallicity, excluded.mag_v, excluded.age_gyr, excluded.spectral_type, excluded.is_described,
        excluded.source_id);

\if :is_large
    analyze host;
\endif
update host h set part_of_id = b.host_id
from wanted_hosts w left join host b on b.name = w.part_of and b.kind = 'binary' and b.is_described
where h.name = w.name and (w.is_whole or w.part_of is not null) and h.part_of_id is distinct from b.host_id;

-- a star that moved to another system takes its planets with it
update planet p set system_id = h.system_id
from host h join wanted_hosts w using (name) where p.host_id = h.host_id and p.system_id <> h.system_id;

\set step planets.before
\ir step.sql
insert into planet as known (
    name, system_id, host_id, status, method_id, facility_id, discovery_year, updated_on,
    mass_mj, mass_error_minus, mass_error_plus, radius_rj, radius_error_minus, radius_error_plus,
    period_days, period_error_minus, period_error_plus,
    semi_major_axis_au, semi_major_axis_error_minus, semi_major_axis_error_plus,
    eccentricity, eccentricity_error_minus, eccentricity_error_plus,
    inclination_deg, inclination_error_minus, inclination_error_plus,
    temperature_k, temperature_error_minus, temperature_error_plus, source_id)
select l.planet, coalesce(h.system_id, s.system_id), h.host_id, l.status, m.method_id,
    coalesce(f.facility_id, v.facility_id), l.discovery_year, l.updated_on,
    l.mass_mj, l.mass_error_minus, l.mass_error_plus, l.radius_rj, l.radius_error_minus, l.radius_error_plus,
    l.period_days, l.period_error_minus, l.period_error_plus,
    l.semi_major_axis_au, l.semi_major_axis_error_minus, l.semi_major_axis_error_plus,
    l.eccentricity, l.eccentricity_error_minus, l.eccentricity_error_plus,
    l.inclination_deg, l.inclination_error_minus, l.inclination_error_plus,
    l.temperature_k, l.temperature_error_minus, l.temperature_error_plus, o.source_id
from landed_planets l
join sources o using (number)
join system s on s.name = l.system
left join host h on h.name = l.host
left join method m on m.name = l.method
left join facility f on f.name = l.facility
left join lateral (
    select facility_id from survey where starts_with(l.planet, prefix) order by length(prefix) desc limit 1
) v on true
on conflict (name) do update set
    system_id = excluded.system_id, host_id = excluded.host_id, status = excluded.status, method_id = excluded.method_id,
    facility_id = excluded.facility_id, discovery_year = excluded.discovery_year, updated_on = excluded.updated_on,
    mass_mj = excluded.mass_mj, mass_error_minus = excluded.mass_error_minus, mass_error_plus = excluded.mass_error_plus,
    radius_rj = excluded.radius_rj, radius_error_minus = excluded.radius_error_minus,
    radius_error_plus = excluded.radius_error_plus, period_days = excluded.period_days,
    period_error_minus = excluded.period_error_minus, period_error_plus = excluded.period_error_plus,
    semi_major_axis_au = excluded.semi_major_axis_au, semi_major_axis_error_minus = excluded.semi_major_axis_error_minus,
    semi_major_axis_error_plus = excluded.semi_major_axis_error_plus, eccentricity = excluded.eccentricity,
    eccentricity_error_minus = excluded.eccentricity_error_minus, eccentricity_error_plus = excluded.eccentricity_error_plus,
    inclination_deg = excluded.inclination_deg, inclination_error_minus = excluded.inclination_error_minus,
    inclination_error_plus = excluded.inclination_error_plus, temperature_k = excluded.temperature_k,
    temperature_error_minus = excluded.temperature_error_minus, temperature_error_plus = excluded.temperature_error_plus,
    source_id = excluded.source_id
where (known.system_id, known.host_id, known.status, known.method_id, known.facility_id, known.discovery_year, known.updated_on,
        known.mass_mj, known.mass_error_minus, known.mass_error_plus, known.radius_rj, known.radius_error_minus, known.radius_error_plus,
        known.period_days, known.period_error_minus, known.period_error_plus,
        known.semi_major_axis_au, known.semi_major_axis_error_minus, known.semi_major_axis_error_plus,
        known.eccentricity, known.eccentricity_error_minus, known.eccentricity_error_plus,
        known.inclination_deg, known.inclination_error_minus, known.inclination_error_plus,
        known.temperature_k, known.temperature_error_minus, known.temperature_error_plus, known.source_id) is distinct from
    (excluded.system_id, excluded.host_id, excluded.status, excluded.method_id, excluded.facility_id,
        excluded.discovery_year, excluded.updated_on,
        excluded.mass_mj, excluded.mass_error_minus, excluded.mass_error_plus,
        excluded.radius_rj, excluded.radius_error_minus, excluded.radius_error_plus,
        excluded.period_days, excluded.period_error_minus, excluded.period_error_plus,
        excluded.semi_major_axis_au, excluded.semi_major_axis_error_minus, excluded.semi_major_axis_error_plus,
        excluded.eccentricity, excluded.eccentricity_error_minus, excluded.eccentricity_error_plus,
        excluded.inclination_deg, excluded.inclination_error_minus, excluded.inclination_error_plus,
        excluded.temperature_k, excluded.temperature_error_minus, excluded.temperature_error_plus, excluded.source_id);

\if :is_large
    analyze planet;
\endif
\set step removals.before
\ir step.sql
-- gone: of a system that is restated, or of a file that is, what was not brought again
create temporary table gone_from on commit drop as
select s.system_id from system s join restated using (name);
create index on gone_from (system_id);
analyze gone_from;

create temporary table planets_gone on commit drop as
select p.planet_id from planet p join gone_from using (system_id)
where not exists (select from landed_planets l where l.planet = p.name);
\if :restates_files
    insert into planets_gone
    select p.planet_id from planet p join sources using (source_id)
    where not exists (select from landed_planets l where l.planet = p.name);
\endif
analyze planets_gone;
delete from planet where planet_id in (select planet_id from planets_gone);

create temporary table hosts_gone on commit drop as
select h.host_id from host h join gone_from using (system_id)
where not exists (select from wanted_hosts w where w.name = h.name);
\if :restates_files
    insert into hosts_gone
    select h.host_id from host h join sources using (source_id)
    where not exists (select from wanted_hosts w where w.name = h.name and w.is_described)
        and h.host_id not in (select host_id from hosts_gone);
\endif
analyze hosts_gone;
update host h set mass_sun = null, radius_sun = null, temperature_k = null, metallicity = null, mag_v = null,
    age_gyr = null, spectral_type = null, part_of_id = null, is_described = false
from hosts_gone g where h.host_id = g.host_id and h.is_described and exists (select from planet p where p.host_id = h.host_id);
update host h set part_of_id = null
from host b join hosts_gone using (host_id) where h.part_of_id = b.host_id and not b.is_described;
delete from host h using (
    select host_id from hosts_gone
    union
    select o.host_id from changed c join system s on s.name = c.system join host o using (system_id) where not o.is_described
) as g
where h.host_id = g.host_id and not exists (select from planet p where p.host_id = h.host_id);

create temporary table systems_gone (system_id bigint) on commit drop;
\if :restates_files
    insert into systems_gone
    select s.system_id from system s join sources using (source_id)
    where not exists (select from wanted_systems w where w.name = s.name and w.is_described);
\endif
analyze systems_gone;
update system s set right_ascension = null, declination = null, distance_pc = null, is_described = false
from systems_gone g where s.system_id = g.system_id and s.is_described
    and (exists (select from host h where h.system_id = s.system_id) or exists (select from planet p where p.system_id = s.system_id));
delete from system s using (
    select system_id from systems_gone
    union
    select o.system_id from changed c join system o on o.name = c.system where not o.is_described
) as g
where s.system_id = g.system_id and not exists (select from host h where h.system_id = s.system_id)
    and not exists (select from planet p where p.system_id = s.system_id);

reset search_path;
