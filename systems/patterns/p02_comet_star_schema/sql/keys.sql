-- Foreign keys, and the indexes of the facts: made when the rows of the first load are in, because to check a whole table
-- and to build an index of it is far less work than to do it row by row. Later loads find them. No reader waits: the
-- tables are this transaction's own, and what is there already is left alone.
set constraints all immediate; -- a table with checks still to come cannot be altered
do $$
declare
    wanted record;
begin
    for wanted in values
        ('p02_comet.fct_discovery', 'star_key', 'p02_comet.dim_star', ''),
        ('p02_comet.fct_discovery', 'method_key', 'p02_comet.dim_method', ''),
        ('p02_comet.fct_discovery', 'facility_key', 'p02_comet.dim_facility', ''),
        ('p02_comet.fct_discovery', 'discovery_date_key', 'p02_comet.dim_date', ''),
        ('p02_comet.fct_discovery', 'update_date_key', 'p02_comet.dim_date', ''),
        ('p02_comet_operational.planet', 'system_id', 'p02_comet_operational.system', ''),
        ('p02_comet_operational.planet', 'method_id', 'p02_comet_operational.method', ''),
        ('p02_comet_operational.planet', 'facility_id', 'p02_comet_operational.facility', ''),
        ('p02_comet_operational.planet', 'source_id', 'p02_comet_operational.source', ''),
        ('p02_comet_operational.system', 'source_id', 'p02_comet_operational.source', ''),
        ('p02_comet_operational.host', 'system_id', 'p02_comet_operational.system', ''),
        ('p02_comet_operational.host', 'source_id', 'p02_comet_operational.source', ''),
        -- a planet lies where its star lies
        ('p02_comet_operational.planet', 'host_id, system_id', 'p02_comet_operational.host (host_id, system_id)', 'deferrable initially deferred')
    loop
        if not exists (
            select from pg_constraint c
            where c.conrelid = wanted.column1::regclass and c.contype = 'f' and wanted.column2 = (
                select string_agg(a.attname, ', ' order by k.at) from unnest(c.conkey) with ordinality as k (attnum, at)
                join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum)
        ) then
            execute format('alter table %s add foreign key (%s) references %s %s',
                wanted.column1, wanted.column2, wanted.column3, wanted.column4);
        end if;
    end loop;
end $$;
set local search_path = p02_comet;
create index if not exists fct_discovery_star on fct_discovery (star_key);
create index if not exists fct_discovery_method on fct_discovery (method_key);
create index if not exists fct_discovery_facility on fct_discovery (facility_key);
create index if not exists fct_discovery_discovery_date on fct_discovery (discovery_date_key);
create index if not exists fct_discovery_update_date on fct_discovery (update_date_key);
create index if not exists fct_discovery_system on fct_discovery (system_name);
create index if not exists fct_discovery_load on fct_discovery (load_id);
reset search_path;
