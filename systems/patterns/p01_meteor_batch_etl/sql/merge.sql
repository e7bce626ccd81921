-- A delivery whose keys may be in the target already: its rows wait in the temporary table `incoming`, and only what
-- differs is written. A row that stays the same is not touched, so its tuple is not rewritten.
-- Each statement is run on its own; the name before it says which count it gives.

-- name: overruled
-- what a later day has said already: these rows are passed over, like those of other days
select from incoming
join {target} as target using ({key})
join {files} as owner on owner.file_id = target.file_id
where owner.day > %(day)s and %(day)s <> '';

-- name: deleted
-- rows that an earlier content of this file brought, that nobody has changed since, and that it does not have any more
delete from {target} as target
where target.file_id in {own}
  and not exists (select from incoming where ({incoming_key}) = ({target_key}));

-- name: updated
-- the last delivery of a launch holds, and owns it from then on, also where it says the same as another file before it;
-- but an earlier day that comes late does not overrule a later day (a run for everything, of day '', always does)
update {target} as target
set ({columns}, file_id) = row({incoming_columns}, %(file_id)s)
from incoming
where ({incoming_key}) = ({target_key})
  and (
      row({target_columns}) is distinct from row({incoming_columns})
      or target.file_id not in {own}
  )
  and not exists (
      select from {files} as owner
      where owner.file_id = target.file_id and owner.day > %(day)s and %(day)s <> ''
  );

-- name: inserted
insert into {target} ({columns}, file_id)
select {columns}, %(file_id)s
from incoming
where not exists (select from {target} as target where ({target_key}) = ({incoming_key}));
