create schema if not exists p07_nebula;

-- a range of one text: with it a constraint of PostgreSQL's own says that no two versions of a key overlap
do $$
begin
    create type p07_nebula.textrange as range (subtype = text, collation = "C");
exception
    when duplicate_object then null;
end
$$;

create table if not exists p07_nebula.dim_customer (
    customer_key     bigint primary key,
    customer_id      text not null,
    registered_on    date,
    name             text,
    email            text,
    segment          text,
    previous_segment text,
    street           text,
    city             text,
    state            text,
    postal_code      text,
    country          text,
    territory        text,
    valid_from       timestamptz not null,
    valid_to         timestamptz not null,
    is_current       boolean not null,
    version_no       integer not null,
    change_reason    text not null,
    row_hash         text not null,
    check (valid_from < valid_to),
    check (is_current = (valid_to = 'infinity')),
    constraint one_current_customer exclude using btree (customer_id with =) where (is_current and customer_key > 0)
        deferrable initially deferred,
    constraint customers_do_not_overlap exclude using gist (
        p07_nebula.textrange(customer_id, customer_id, '[]') with &&, tstzrange(valid_from, valid_to) with &&
    ) where (customer_key > 0) deferrable initially deferred
);
create index if not exists dim_customer_by_id on p07_nebula.dim_customer (customer_id, valid_from);

create table if not exists p07_nebula.dim_product (
    product_key   bigint primary key,
    product_id    text not null,
    name          text,
    msrp          numeric(14, 2),
    previous_msrp numeric(14, 2),
    product_line  text,
    supplier      text,
    status        text,
    valid_from    timestamptz not null,
    valid_to      timestamptz not null,
    is_current    boolean not null,
    version_no    integer not null,
    change_reason text not null,
    row_hash      text not null,
    check (valid_from < valid_to),
    check (is_current = (valid_to = 'infinity')),
    constraint one_current_product exclude using btree (product_id with =) where (is_current and product_key > 0)
        deferrable initially deferred,
    constraint products_do_not_overlap exclude using gist (
        p07_nebula.textrange(product_id, product_id, '[]') with &&, tstzrange(valid_from, valid_to) with &&
    ) where (product_key > 0) deferrable initially deferred
);
create index if not exists dim_product_by_id on p07_nebula.dim_product (product_id, valid_from);

create table if not exists p07_nebula.dim_date (
    date_key        integer primary key,
    full_date       date unique,
    year            integer,
    quarter         integer,
    month           integer,
    month_key       integer,
    day_of_month    integer,
    day_of_year     integer,
    iso_year        integer,
    iso_week        integer,
    iso_day_of_week integer,
    is_weekend      boolean
);
insert into p07_nebula.dim_date (date_key) values (-1) on conflict (date_key) do nothing;

create table if not exists p07_nebula.dim_order_profile (
    profile_key bigint primary key,
    channel     text not null,
    payment     text not null,
    is_promoted boolean not null
);

create table if not exists p07_nebula.dim_promotion (
    promotion_key bigint primary key,
    code          text not null
);

create table if not exists p07_nebula.bridge_promotion_group (
    promotion_group_key bigint not null,
    promotion_key       bigint not null references p07_nebula.dim_promotion deferrable initially deferred,
    weight              numeric(7, 6) not null,
    primary key (promotion_group_key, promotion_key)
);

insert into p07_nebula.dim_customer (customer_key, customer_id, name, valid_from, valid_to, is_current, version_no,
    change_reason, row_hash)
values (-1, '(unknown)', 'unknown', '-infinity', 'infinity', true, 1, 'member', ''),
    (-2, '(not applicable)', 'not applicable', '-infinity', 'infinity', true, 1, 'member', '')
on conflict (customer_key) do nothing;
insert into p07_nebula.dim_product (product_key, product_id, name, valid_from, valid_to, is_current, version_no,
    change_reason, row_hash)
values (-1, '(unknown)', 'unknown', '-infinity', 'infinity', true, 1, 'member', ''),
    (-2, '(not applicable)', 'not applicable', '-infinity', 'infinity', true, 1, 'member', '')
on conflict (product_key) do nothing;
insert into p07_nebula.dim_promotion values (-2, 'no promotion') on conflict do nothing;
insert into p07_nebula.bridge_promotion_group values (-2, -2, 1) on conflict do nothing;

create table if not exists p07_nebula.fct_order_lines (
    order_id            text not null,
    line_no             integer not null,
    customer_key        bigint not null references p07_nebula.dim_customer deferrable initially deferred,
    product_key         bigint not null references p07_nebula.dim_product deferrable initially deferred,
    date_key            integer not null references p07_nebula.dim_date deferrable initially deferred,
    profile_key         bigint not null references p07_nebula.dim_order_profile deferrable initially deferred,
    promotion_group_key bigint not null,
    ordered_at          timestamptz not null,
    quantity            integer not null,
    amount              numeric(14, 2) not null,
    primary key (order_id, line_no)
);
create index if not exists fct_order_lines_by_customer on p07_nebula.fct_order_lines (customer_key);
create index if not exists fct_order_lines_by_product on p07_nebula.fct_order_lines (product_key);
create index if not exists fct_order_lines_by_profile on p07_nebula.fct_order_lines (profile_key);
create index if not exists fct_order_lines_by_group on p07_nebula.fct_order_lines (promotion_group_key);

create table if not exists p07_nebula.fct_returns (
    return_id         text primary key,
    order_id          text not null,
    line_no           integer not null,
    customer_key      bigint not null references p07_nebula.dim_customer deferrable initially deferred,
    product_key       bigint not null references p07_nebula.dim_product deferrable initially deferred,
    returned_date_key integer not null references p07_nebula.dim_date deferrable initially deferred,
    ordered_date_key  integer not null references p07_nebula.dim_date deferrable initially deferred,
    quantity          integer not null,
    amount            numeric(14, 2) not null,
    reason            text
);
create index if not exists fct_returns_by_order on p07_nebula.fct_returns (order_id);
create index if not exists fct_returns_by_customer on p07_nebula.fct_returns (customer_key);
create index if not exists fct_returns_by_product on p07_nebula.fct_returns (product_key);

create table if not exists p07_nebula.fct_order_fulfilment (
    order_id                text primary key,
    customer_key            bigint not null references p07_nebula.dim_customer deferrable initially deferred,
    ordered_date_key        integer not null references p07_nebula.dim_date deferrable initially deferred,
    paid_date_key           integer not null references p07_nebula.dim_date deferrable initially deferred,
    shipped_date_key        integer not null references p07_nebula.dim_date deferrable initially deferred,
    delivered_date_key      integer not null references p07_nebula.dim_date deferrable initially deferred,
    cancelled_date_key      integer not null references p07_nebula.dim_date deferrable initially deferred,
    first_returned_date_key integer not null references p07_nebula.dim_date deferrable initially deferred,
    lines                   integer not null,
    quantity                bigint not null,
    amount                  numeric(24, 2) not null,
    returned_amount         numeric(24, 2) not null,
    hours_to_ship           numeric(12, 2),
    hours_to_deliver        numeric(12, 2),
    status                  text not null
);
create index if not exists fct_order_fulfilment_by_customer on p07_nebula.fct_order_fulfilment (customer_key);

create table if not exists p07_nebula.fct_customer_month (
    customer_id        text not null,
    customer_key       bigint not null references p07_nebula.dim_customer deferrable initially deferred,
    month_key          integer not null,
    orders             integer not null,
    quantity           bigint not null,
    amount             numeric(24, 2) not null,
    returned_amount    numeric(24, 2) not null,
    cumulative_amount  numeric(24, 2) not null,
    months_since_order integer not null,
    primary key (customer_id, month_key)
);
create index if not exists fct_customer_month_by_customer on p07_nebula.fct_customer_month (customer_key);

create table if not exists p07_nebula.late_facts (
    order_id    text not null,
    event       text not null,
    happened_at timestamptz not null,
    primary key (order_id, event)
);

create table if not exists p07_nebula.deliveries_rejected (
    file_id     bigint not null,
    line        bigint not null,
    file_name   text not null,
    byte_offset bigint not null,
    column_name text,
    rule        text not null,
    message     text not null,
    record_text text not null,
    primary key (file_id, line)
);
