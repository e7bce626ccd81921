create schema if not exists p07_nebula_raw;

create table if not exists p07_nebula_raw.files (
    file_id   bigint primary key,
    kind      text not null,
    name      text not null,
    sha256    text not null,
    run_id    text not null,
    rows_read bigint not null,
    rows_kept bigint not null,   -- those that break no rule, and that no other row contradicts
    load_id   bigint,            -- of the run that published it; null until then
    unique (kind, sha256)
);

create table if not exists p07_nebula_raw.customers (
    customer_id text not null, changed_at timestamptz not null, change_no bigint not null, op text not null,
    name text, email text, segment text, street text, city text, state text, postal_code text, country text,
    territory text, registered_on date,
    file_id bigint not null, line bigint not null, byte_offset bigint not null, record_text text not null
);
create index if not exists customers_by_key on p07_nebula_raw.customers (customer_id);
create index if not exists customers_by_file on p07_nebula_raw.customers (file_id, line);

create table if not exists p07_nebula_raw.products (
    product_id text not null, changed_at timestamptz not null, change_no bigint not null, op text not null,
    name text, product_line text, supplier text, status text, msrp numeric(14, 2),
    file_id bigint not null, line bigint not null, byte_offset bigint not null, record_text text not null
);
create index if not exists products_by_key on p07_nebula_raw.products (product_id);
create index if not exists products_by_file on p07_nebula_raw.products (file_id, line);

create table if not exists p07_nebula_raw.orders (
    order_id text not null, line_no integer not null, customer_id text not null, product_id text,
    ordered_at timestamptz not null, quantity integer not null, amount numeric(14, 2) not null,
    channel text, payment text, promotions text,
    file_id bigint not null, line bigint not null, byte_offset bigint not null, record_text text not null
);
create index if not exists orders_by_key on p07_nebula_raw.orders (order_id, line_no);
create index if not exists orders_by_customer on p07_nebula_raw.orders (customer_id, ordered_at);
create index if not exists orders_by_product on p07_nebula_raw.orders (product_id, ordered_at);
create index if not exists orders_by_file on p07_nebula_raw.orders (file_id, line);

create table if not exists p07_nebula_raw.order_events (
    order_id text not null, event text not null, happened_at timestamptz not null,
    file_id bigint not null, line bigint not null, byte_offset bigint not null, record_text text not null
);
create index if not exists order_events_by_key on p07_nebula_raw.order_events (order_id);
create index if not exists order_events_by_file on p07_nebula_raw.order_events (file_id, line);

create table if not exists p07_nebula_raw.returns (
    return_id text not null, order_id text not null, line_no integer not null, returned_at timestamptz not null,
    quantity integer not null, amount numeric(14, 2) not null, reason text,
    file_id bigint not null, line bigint not null, byte_offset bigint not null, record_text text not null
);
create index if not exists returns_by_key on p07_nebula_raw.returns (return_id);
create index if not exists returns_by_order on p07_nebula_raw.returns (order_id, line_no);
create index if not exists returns_by_file on p07_nebula_raw.returns (file_id, line);

-- rows that break a rule by themselves; which contradict each other is seen in the tables above
create table if not exists p07_nebula_raw.refused (
    file_id bigint not null, line bigint not null, byte_offset bigint not null, column_name text, rule text not null,
    message text not null, record_text text not null
);
create index if not exists refused_by_file on p07_nebula_raw.refused (file_id);

-- whose batch is built: a dbt that a run left behind must not go on in the batch of the next
create table if not exists p07_nebula_raw.builder (
    is_one boolean primary key default true check (is_one),
    run_id text not null
);
insert into p07_nebula_raw.builder (run_id) values ('') on conflict do nothing;

create or replace function p07_nebula_raw.hold_the_batch() returns void language plpgsql as $$
begin
    -- the next run waits for who holds this row, and who comes later finds another name in it
    perform 1 from p07_nebula_raw.builder where run_id = current_setting('nebula.run', true) for share;
    if not found then
        raise exception 'the batch is another run''s now' using errcode = 'serialization_failure';
    end if;
end
$$;
