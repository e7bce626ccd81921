-- Several files of one load count one after the other. Those that name nothing in common can be merged together: a folder
-- with a file for each system is one batch, dumps of several days are as many batches as days.
create temporary table named_by on commit drop as
select 'system' as kind, system as name, number from landed_systems
union select 'system', system, number from landed_hosts
union select 'system', system, number from landed_planets
union select 'host', host, number from landed_hosts
union select 'host', host, number from landed_planets where host is not null
union select 'planet', planet, number from landed_planets;

-- the file before it that names something that it names, too
create temporary table same_before on commit drop as
select number, max(before) as before
from (select number, lag(number) over (partition by kind, name order by number) as before from named_by) as each_name
group by number;

create temporary table batches on commit drop as
with recursive turns as (select number, row_number() over (order by number) as turn from landed_files),
in_turn as (
    select turn, number, number as first from turns where turn = 1
    union all
    select t.turn, t.number, case when coalesce(s.before, 0) >= i.first then t.number else i.first end
    from in_turn i join turns t on t.turn = i.turn + 1 left join same_before s on s.number = t.number
)
select number, first as batch from in_turn;

select count(distinct batch) = 1 as is_one from batches \gset
\if :is_one
    \ir merge_operational.sql
\else
    alter table landed_files rename to all_files;
    alter table landed_systems rename to all_systems;
    alter table landed_hosts rename to all_hosts;
    alter table landed_planets rename to all_planets;
    create temporary table turns on commit drop as
    select batch, place, word from (select distinct batch from batches) as each_batch
    cross join lateral (values (1, format('\set batch %s', batch)), (2, '\i :merge_batch')) as said (place, word);
    \copy (select word from turns order by batch, place) to 'batches.sql' with (format csv, delimiter E'\x01', quote E'\x02')
    \i batches.sql
    alter table all_files rename to landed_files;
\endif
