-- What was unpacked, as temporary tables of this session; the working folder is theirs.
create temporary table landed_files (
    number integer primary key, file_name text, sha256 text, rules text, is_whole boolean, encoding text, path text
) on commit drop;
create temporary table landed_systems (
    number integer, line bigint, byte_offset bigint, byte_length bigint, system text,
    right_ascension text, declination text, distance_pc numeric, is_kept boolean
) on commit drop;
create temporary table landed_hosts (
    number integer, line bigint, byte_offset bigint, byte_length bigint, system text, host text, kind text, part_of text,
    mass_sun numeric, radius_sun numeric, temperature_k numeric, metallicity numeric, mag_v numeric, age_gyr numeric,
    spectral_type text
) on commit drop;
create temporary table landed_planets (
    number integer, line bigint, byte_offset bigint, byte_length bigint, system text, host text, host_kind text,
    planet text, status text, method text, facility text, discovery_year integer, updated_on date,
    mass_mj numeric, mass_error_minus numeric, mass_error_plus numeric,
    radius_rj numeric, radius_error_minus numeric, radius_error_plus numeric,
    period_days numeric, period_error_minus numeric, period_error_plus numeric,
    semi_major_axis_au numeric, semi_major_axis_error_minus numeric, semi_major_axis_error_plus numeric,
    eccentricity numeric, eccentricity_error_minus numeric, eccentricity_error_plus numeric,
    inclination_deg numeric, inclination_error_minus numeric, inclination_error_plus numeric,
    temperature_k numeric, temperature_error_minus numeric, temperature_error_plus numeric
) on commit drop;
create temporary table landed_refused (
    number integer, line bigint, byte_offset bigint, "column" text, rule text, message text, record_text text
) on commit drop;

\copy landed_files from 'files.tsv'
\copy landed_systems from 'systems.tsv'
\copy landed_hosts from 'hosts.tsv'
\copy landed_planets from 'planets.tsv'
\copy landed_refused from 'refused.tsv'

-- another firing may have brought a file in since these were unpacked
create temporary table known_files on commit drop as
select l.number from landed_files l join p02_comet.files f using (sha256, rules)
where f.is_current and (f.file_name = l.file_name
    or f.file_id = (select max(file_id) from p02_comet.files) and l.number = (select min(number) from landed_files));
delete from landed_files where number in (select number from known_files);
delete from landed_systems where number in (select number from known_files);
delete from landed_hosts where number in (select number from known_files);
delete from landed_planets where number in (select number from known_files);
delete from landed_refused where number in (select number from known_files);

analyze landed_systems, landed_hosts, landed_planets;

-- two rows of one name in one file: no winner, both are refused; a table that is no catalogue names its stars again
create temporary table duplicates on commit drop as
select 'system' as kind, number, line, byte_offset, byte_length, system as name from landed_systems l
where is_kept and (number, system) in (
    select number, system from landed_systems join landed_files using (number)
    where is_whole and is_kept group by 1, 2 having count(*) > 1)
union all
select 'host', number, line, byte_offset, byte_length, host from landed_hosts
where (number, host) in (
    select number, host from landed_hosts join landed_files using (number) where is_whole group by 1, 2 having count(*) > 1)
union all
select 'planet', number, line, byte_offset, byte_length, planet from landed_planets
where (number, planet) in (select number, planet from landed_planets group by 1, 2 having count(*) > 1);

select exists (select from duplicates) as has_duplicates \gset
\if :has_duplicates
    \copy (select number, line, byte_offset, byte_length, 'duplicate_name', 'another row of the file has the same name' from duplicates) to 'duplicates.tsv'
    \! "${PYTHON:-python3}" "$COMET_JOBS/unpack.py" --into . --texts
    \copy landed_refused from 'duplicates_refused.tsv'
    update landed_systems l set is_kept = false, right_ascension = null, declination = null, distance_pc = null
    from duplicates d where d.kind = 'system' and (d.number, d.byte_offset) = (l.number, l.byte_offset);
    delete from landed_hosts l using duplicates d where d.kind = 'host' and (d.number, d.byte_offset) = (l.number, l.byte_offset);
    delete from landed_planets l using duplicates d where d.kind = 'planet' and (d.number, d.byte_offset) = (l.number, l.byte_offset);
\endif


-- a table that calls a system after its star means the one in which that star is known; and a pair of stars stays one
create temporary table known_hosts on commit drop as
select h.name as host, h.kind, s.name as system, exists (
        select from p02_comet_operational.system o where o.name = h.name) as is_system
from p02_comet_operational.host h join p02_comet_operational.system s using (system_id)
where h.name in (
    select l.host from landed_planets l join landed_files using (number) where not is_whole);
update landed_systems l set system = k.system from known_hosts k, landed_files f
where l.number = f.number and not f.is_whole and l.system = k.host and not k.is_system;
update landed_hosts l set system = k.system from known_hosts k, landed_files f
where l.number = f.number and not f.is_whole and l.system = k.host and not k.is_system;
update landed_planets l set system = k.system from known_hosts k, landed_files f
where l.number = f.number and not f.is_whole and l.system = k.host and not k.is_system;
update landed_hosts l set kind = k.kind from known_hosts k, landed_files f
where l.number = f.number and not f.is_whole and l.host = k.host and l.kind <> k.kind;

-- how many rows each file had, before a later file takes something away; of a table, one row a planet
create temporary table counted on commit drop as
select l.number, coalesce(k.kept, 0) as kept, coalesce(r.refused, 0) as refused
from landed_files l
left join (
    select number, sum(rows) as kept from (
        select number, count(*) filter (where is_kept) as rows
        from landed_systems join landed_files using (number) where is_whole group by 1
        union all select number, count(*) from landed_hosts join landed_files using (number) where is_whole group by 1
        union all select number, count(*) from landed_planets group by 1
    ) as of_kind group by 1
) k using (number)
left join (select number, count(*) as refused from landed_refused group by 1) r using (number);
