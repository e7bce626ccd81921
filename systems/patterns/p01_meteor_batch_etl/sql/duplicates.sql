-- Rows of one delivery that share a launch_id. Equal ones: the first is kept, the others are refused. Different ones:
-- nobody can say which is right, and all of them are refused.
create temporary table duplicates on commit drop as
with repeated as (
    select launch_id from incoming group by launch_id having count(*) > 1
),

judged as (
    select launch_id, count(distinct ({columns})) as contents, min(line) as first_line
    from incoming join repeated using (launch_id)
    group by launch_id
)

select line, launch_id, first_line, case when contents = 1 then 'duplicate_row' else 'key_conflict' end as rule
from incoming join judged using (launch_id)
where contents > 1 or line > first_line
