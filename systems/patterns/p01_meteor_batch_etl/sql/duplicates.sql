-- Rows of one delivery that share a key. Equal ones: the first is kept, the others are refused. Different ones:
-- nobody can say which is right, and all of them are refused.
create temporary table duplicates on commit drop as
with repeated as (
    select {key} from incoming group by {key} having count(*) > 1
),

judged as (
    select {key}, count(distinct row({columns})) as _contents, min(_line) as _first_line
    from incoming join repeated using ({key})
    group by {key}
)

select _line, {key}, _first_line, case when _contents = 1 then 'duplicate_row' else 'key_conflict' end as _rule
from incoming join judged using ({key})
where _contents > 1 or _line > _first_line
