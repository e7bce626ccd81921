-- The operational schema, in third normal form: what is known now of systems, their stars and their planets.
-- `source` is the name of a delivered file: what a file brought, and does not bring any more, is gone.
-- The foreign keys that every row has: keys.sql.
create schema if not exists p02_comet_operational;
set local search_path = p02_comet_operational;

create table if not exists source (
    source_id integer generated always as identity primary key,
    file_name text not null unique
);

create table if not exists system (
    system_id       bigint generated always as identity primary key,
    name            text not null unique,
    right_ascension text,
    declination     text,
    distance_pc     numeric check (distance_pc > 0),
    is_described    boolean not null,
    source_id       integer not null
);

-- what planets go round: a star, or a pair of stars
create table if not exists host (
    host_id       bigint generated always as identity primary key,
    system_id     bigint not null,
    name          text not null unique,
    kind          text not null check (kind in ('star', 'binary')),
    part_of_id    bigint references host on delete set null,
    mass_sun      numeric check (mass_sun > 0),
    radius_sun    numeric check (radius_sun > 0),
    temperature_k numeric check (temperature_k > 0),
    metallicity   numeric,
    mag_v         numeric,
    age_gyr       numeric check (age_gyr >= 0),
    spectral_type text,
    is_described  boolean not null, -- false: nobody has described it yet, a planet names it
    source_id     integer not null,
    unique (host_id, system_id)
);

create table if not exists method (
    method_id integer generated always as identity primary key,
    name      text not null unique,
    label     text not null
);

create table if not exists facility (
    facility_id integer generated always as identity primary key,
    name        text not null unique,
    kind        text not null check (kind in ('space', 'ground', 'not known'))
);

-- a designation tells the survey: Kepler-10 b, WASP-12 b
create table if not exists survey (
    prefix      text primary key,
    facility_id integer not null references facility
);

create table if not exists planet (
    planet_id                   bigint generated always as identity primary key,
    name                        text not null unique,
    system_id                   bigint not null,
    host_id                     bigint, -- none: it goes round no star
    status                      text not null
        check (status in ('confirmed', 'candidate', 'controversial', 'retracted', 'solar_system')),
    method_id                   integer,
    facility_id                 integer,
    discovery_year              integer check (discovery_year between 1600 and 2100),
    updated_on                  date,
    mass_mj                     numeric check (mass_mj >= 0),
    mass_error_minus            numeric check (mass_error_minus >= 0),
    mass_error_plus             numeric check (mass_error_plus >= 0),
    radius_rj                   numeric check (radius_rj >= 0),
    radius_error_minus          numeric check (radius_error_minus >= 0),
    radius_error_plus           numeric check (radius_error_plus >= 0),
    period_days                 numeric check (period_days > 0),
    period_error_minus          numeric check (period_error_minus >= 0),
    period_error_plus           numeric check (period_error_plus >= 0),
    semi_major_axis_au          numeric check (semi_major_axis_au > 0),
    semi_major_axis_error_minus numeric check (semi_major_axis_error_minus >= 0),
    semi_major_axis_error_plus  numeric check (semi_major_axis_error_plus >= 0),
    eccentricity                numeric check (eccentricity >= 0 and eccentricity < 1),
    eccentricity_error_minus    numeric check (eccentricity_error_minus >= 0),
    eccentricity_error_plus     numeric check (eccentricity_error_plus >= 0),
    inclination_deg             numeric check (inclination_deg between -360 and 360),
    inclination_error_minus     numeric check (inclination_error_minus >= 0),
    inclination_error_plus      numeric check (inclination_error_plus >= 0),
    temperature_k               numeric check (temperature_k >= 0),
    temperature_error_minus     numeric check (temperature_error_minus >= 0),
    temperature_error_plus      numeric check (temperature_error_plus >= 0),
    source_id                   integer not null
);

create index if not exists host_system on host (system_id);
create index if not exists host_part_of on host (part_of_id);
create index if not exists planet_system on planet (system_id);
create index if not exists planet_host on planet (host_id, system_id);
create index if not exists system_source on system (source_id);
create index if not exists host_source on host (source_id);
create index if not exists planet_source on planet (source_id);

-- Systems of which something has changed, whoever changed it (this loader, or a hand in psql): the star is derived
-- again for these, and for no others.
create table if not exists changed (system text primary key);

create or replace function note_changed() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'system' then
        if tg_op <> 'DELETE' then
            insert into p02_comet_operational.changed select name from new_rows on conflict do nothing;
        end if;
        if tg_op <> 'INSERT' then
            insert into p02_comet_operational.changed select name from old_rows on conflict do nothing;
        end if;
        return null;
    end if;
    if tg_op <> 'DELETE' then
        insert into p02_comet_operational.changed
        select distinct s.name from new_rows join p02_comet_operational.system s using (system_id) on conflict do nothing;
    end if;
    if tg_op <> 'INSERT' then
        insert into p02_comet_operational.changed
        select distinct s.name from old_rows join p02_comet_operational.system s using (system_id) on conflict do nothing;
    end if;
    return null;
end $$;

do $$
declare
    event record;
    of_table text;
begin
    foreach of_table in array array['system', 'host', 'planet'] loop
        for event in values
            ('insert', 'new table as new_rows'),
            ('update', 'old table as old_rows new table as new_rows'),
            ('delete', 'old table as old_rows')
        loop
            execute format(
                'create or replace trigger note_%1$s after %1$s on p02_comet_operational.%2$I referencing %3$s'
                ' for each statement execute function p02_comet_operational.note_changed()',
                event.column1, of_table, event.column2
            );
        end loop;
    end loop;
end $$;

insert into method (name, label) values
    ('RV', 'radial velocity'), ('transit', 'transit'), ('imaging', 'direct imaging'),
    ('microlensing', 'gravitational microlensing'), ('timing', 'timing of pulses, eclipses or transits'),
    ('astrometry', 'astrometry')
on conflict do nothing;

reset search_path;
