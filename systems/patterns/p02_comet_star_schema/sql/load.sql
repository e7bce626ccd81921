-- The whole load, as one transaction: tables where they are missing, what was unpacked, the operational schema, the star.
-- psql variables: run_id, token and loaded_at (of this load; empty: now), lock (its number), wait_ms (for it), full (true: derive everything
-- again), tables (the version of the tables), refused_limit (the share of a file's rows that may be refused), merge_batch
-- (the path of merge_batch.sql), at_step (if something is to be called between steps).
-- Prints what it did, a line a fact; `outcome` is loaded, nothing_new, held_back or locked.
\set QUIET on
set client_min_messages = warning;
set client_connection_check_interval = 500; -- ms: when this psql dies, its statement ends
set work_mem = '128MB';
begin;
select pg_try_advisory_xact_lock(:lock) as is_alone, :wait_ms > 0 as may_wait \gset
\if :is_alone
\elif :may_wait
    set local lock_timeout = :wait_ms;
    select pg_advisory_xact_lock(:lock);
    set local lock_timeout = 0;
\else
    \echo outcome locked
    \quit
\endif
select coalesce(obj_description(to_regnamespace('p02_comet'), 'pg_namespace'), '') = :'tables' as is_made \gset
\if :is_made
\else
    \ir operational.sql
    \ir star.sql
    \ir queries.sql
    comment on schema p02_comet is :'tables'; -- a checksum of these files and keys.sql: once made, no reader waits for it
\endif

\set step begin.before
\ir step.sql
\ir surveys.sql
\ir land.sql

select count(*) as new_files from landed_files \gset
select (:new_files = 0 and not :full and not exists (select from p02_comet_operational.changed)) as is_nothing \gset
\if :is_nothing
    rollback;
    \echo outcome nothing_new
    \quit
\endif

select held.file_name is not null as is_held, held.file_name as held_file, refused || ' of ' || kept + refused as held_rows
from (values (1)) as one
left join (
    select file_name, refused, kept from counted join landed_files using (number)
    where kept = 0 or (refused > :refused_limit * (kept + refused) and kept + refused >= 20) order by number limit 1
) as held on true \gset
\if :is_held
    rollback;
    \echo held_back :held_file
    \echo held_rows :held_rows rows would be refused
    \echo outcome held_back
    \quit
\endif

insert into p02_comet.loads (token, run_id, loaded_at)
values (:'token', :'run_id', coalesce(nullif(:'loaded_at', '')::timestamptz, now())) returning load_id \gset
\set step begin.after
\ir step.sql
\ir merge_in_turn.sql
\ir load_star.sql

with restated as (
    update p02_comet.files f set is_current = false from landed_files l where l.file_name = f.file_name and f.is_current
)
delete from p02_comet.catalogue_rejected r using landed_files l where l.file_name = r.file_name;
insert into p02_comet.files (load_id, file_name, sha256, rules, is_current, rows_read, rows_kept, rows_rejected)
select :load_id, file_name, sha256, rules, true, kept + refused, kept, refused
from landed_files join counted using (number) order by number;
insert into p02_comet.catalogue_rejected
select f.file_id, f.file_name, r.line, r.byte_offset, r."column", r.rule, r.message, r.record_text
from landed_refused r join landed_files l using (number) join p02_comet.files f on f.file_name = l.file_name and f.is_current
order by f.file_id, r.line, r.byte_offset;

-- a full load that finds everything as it should be leaves no trace of itself
select (:new_files = 0 and :stars_inserted + :stars_updated + :stars_deleted + :facts_inserted + :facts_updated
    + :facts_deleted = 0) as is_nothing \gset
\if :is_nothing
    rollback;
    \echo outcome nothing_new
    \quit
\endif

select 'file', f.file_id, l.number, f.file_name, f.sha256, f.rows_read, f.rows_kept, f.rows_rejected
from p02_comet.files f join landed_files l using (file_name) where f.is_current order by l.number;
\echo load_id :load_id
\echo stars_inserted :stars_inserted
\echo stars_updated :stars_updated
\echo stars_deleted :stars_deleted
\echo facts_inserted :facts_inserted
\echo facts_updated :facts_updated
\echo facts_deleted :facts_deleted
\if :is_made
\else
    \ir keys.sql
\endif
\set step commit.before
\ir step.sql
commit;
\echo outcome loaded
\set step commit.after
\ir step.sql
