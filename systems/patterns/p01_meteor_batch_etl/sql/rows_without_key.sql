-- A restated delivery of a table without a key: a row is known by all that it says, and by how often it says so. What is
-- there as often as before stays (a row that stays keeps its tuple); what is there less often goes, what more often comes.
-- Each statement is run on its own; the name before it says which count it gives.

-- name: numbered
-- hashed, because PostgreSQL joins whole rows that may hold nulls only by comparing each with each
create temporary table numbered on commit drop as
select
    old.ctid as place,
    md5(cast(row({old_columns}) as text)) as content,
    row_number() over (partition by md5(cast(row({old_columns}) as text))) as repetition
from {target} as old
where old.file_id in {own};

-- name: wanted
create temporary table wanted on commit drop as
select
    incoming.line,
    md5(cast(row({incoming_columns}) as text)) as content,
    row_number() over (partition by md5(cast(row({incoming_columns}) as text)) order by incoming.line) as repetition
from incoming;

-- name: deleted
delete from {target} where ctid = any (array(
    select place from numbered
    where not exists (select from wanted where (wanted.content, wanted.repetition) = (numbered.content, numbered.repetition))
));

-- name: inserted
insert into {target} ({columns}, file_id)
select {columns}, %(file_id)s
from incoming
join wanted using (line)
where not exists (select from numbered where (numbered.content, numbered.repetition) = (wanted.content, wanted.repetition));
