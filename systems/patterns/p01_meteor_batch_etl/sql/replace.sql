-- A delivery that rewrites most of the table: its rows are in the target already, beside those of earlier deliveries.
-- What they replace goes, and so do those that say nothing new: a row that stays the same keeps its tuple.
-- Each statement is run on its own; the name before it says which count it gives.

-- name: overruled
-- what a later day has said already: these rows are passed over, like those of other days
select from {target} as new
join {target} as old using ({key})
join {files} as owner on owner.file_id = old.file_id
where new.file_id = %(file_id)s and old.file_id <> %(file_id)s and owner.day > %(day)s and %(day)s <> '';

-- name: replaced
-- where the rows are that go because the delivery says something else of them (a query of its own, because PostgreSQL
-- reads with several processes, and never deletes with them). The last delivery of a launch holds, and owns it from
-- then on; but an earlier day that comes late does not overrule a later day (a run for everything always does)
create temporary table replaced on commit drop as
select old.ctid as place
from {target} as old
join {target} as new using ({key})
where new.file_id = %(file_id)s
  and old.file_id <> %(file_id)s
  and (row({old_columns}) is distinct from row({new_columns}) or old.file_id not in {own})
  and not exists (
      select from {files} as owner
      where owner.file_id = old.file_id and owner.day > %(day)s and %(day)s <> ''
  );

-- name: updated
delete from {target} where ctid = any (array(select place from replaced));

-- name: deleted
-- rows that an earlier content of this file brought, that nobody has changed since, and that it does not have any more
delete from {target} as old
where old.file_id in {own}
  and not exists (
      select from {target} as new where new.file_id = %(file_id)s and ({new_key}) = ({old_key})
  );

-- name: stayed
delete from {target} as new
using {target} as old
where new.file_id = %(file_id)s
  and old.file_id <> %(file_id)s
  and ({old_key}) = ({new_key});
