-- A restated delivery of a table without a key: a row is known by all that it says, and by how often it says so. What is
-- there as often as before stays (a row that stays keeps its tuple); what is there less often goes, what more often comes.
-- Each statement is run on its own; the name before it says which count it gives.

-- name: numbered
-- hashed, because PostgreSQL joins whole rows that may hold nulls only by comparing each with each
create temporary table numbered on commit drop as
select
    old.ctid as _place,
    md5(cast(row({old_columns}) as text)) as _content,
    row_number() over (partition by md5(cast(row({old_columns}) as text))) as _repetition
from {target} as old
where old.file_id in {own};

-- name: wanted
create temporary table wanted on commit drop as
select
    incoming._line,
    md5(cast(row({incoming_columns}) as text)) as _content,
    row_number() over (partition by md5(cast(row({incoming_columns}) as text)) order by incoming._line) as _repetition
from incoming;

-- name: deleted
delete from {target} where ctid = any (array(
    select _place from numbered
    where not exists (select from wanted where (wanted._content, wanted._repetition) = (numbered._content, numbered._repetition))
));

-- name: inserted
insert into {target} ({columns}, file_id)
select {columns}, %(file_id)s
from incoming
join wanted using (_line)
where not exists (select from numbered where (numbered._content, numbered._repetition) = (wanted._content, wanted._repetition));
