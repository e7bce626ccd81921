-- The limit of bench/nebula.py: types 0, 1, 2 and 3 of dim_customer by one merge, as one would write it by hand. It
-- believes that changes come in their order, once each and free of contradictions, and that nobody is deleted.
create temporary table told on commit drop as
select distinct on (customer_id)
    customer_id, changed_at, registered_on, name, email, segment, street, city, state, postal_code, country, territory,
    md5(row(street, city, state, postal_code, country, territory)::text) as row_hash
from p07_nebula_raw.customers
where file_id in (select file_id from p07_nebula_raw.files where load_id is null)
order by customer_id, changed_at desc, change_no desc;

analyze told;

-- the last state on every version, where it is another; the open version closes, where what opens one is another
update by_hand.dim_customer as here
set name = told.name,
    email = told.email,
    segment = told.segment,
    previous_segment = case when here.segment is distinct from told.segment then here.segment else here.previous_segment end,
    valid_to = case when here.is_current and here.row_hash <> told.row_hash then told.changed_at else here.valid_to end,
    is_current = here.is_current and here.row_hash = told.row_hash
from told
where here.customer_id = told.customer_id
    and ((here.is_current and here.row_hash <> told.row_hash)
        or (here.name, here.email, here.segment) is distinct from (told.name, told.email, told.segment));

insert into by_hand.dim_customer (customer_key, customer_id, registered_on, name, email, segment, previous_segment,
    street, city, state, postal_code, country, territory, valid_from, valid_to, is_current, version_no, change_reason, row_hash)
select
    ('x' || substr(md5(row(told.customer_id, extract(epoch from told.changed_at))::text), 1, 16))::bit(64)::bigint & x'7fffffffffffffff'::bigint,
    told.customer_id, coalesce(before.registered_on, told.registered_on), told.name, told.email, told.segment,
    before.previous_segment, told.street, told.city, told.state, told.postal_code, told.country, told.territory,
    told.changed_at, 'infinity', true, coalesce(before.version_no, 0) + 1,
    case when before.customer_id is null then 'new' else 'changed' end, told.row_hash
from told
left join by_hand.dim_customer as before on before.customer_id = told.customer_id and before.valid_to = told.changed_at
where before.customer_id is not null
    or not exists (select 1 from by_hand.dim_customer as any_of where any_of.customer_id = told.customer_id);
