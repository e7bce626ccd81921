-- whole years, from the first that any fact touches to the last; published days stay, also when their facts go
with touched as (

    select date_key from {{ ref('fct_order_lines') }}
    union
    select returned_date_key from {{ ref('fct_returns') }}
    {%- for role in ['paid', 'shipped', 'delivered', 'cancelled'] %}
    union
    select {{ role }}_date_key from {{ ref('fct_order_fulfilment') }}
    {%- endfor %}
    union
    select date_key from {{ source('published', 'dim_date') }}

),

years as (

    select
        min(date_key) / 10000 as first_year,
        max(date_key) / 10000 as last_year
    from touched
    where date_key > 0

),

days as (

    select series.day::date as day
    from years, generate_series(make_date(first_year, 1, 1), make_date(last_year, 12, 31), interval '1 day') as series (day)

)

select
    to_char(day, 'YYYYMMDD')::integer as date_key,
    day as full_date,
    extract(year from day)::integer as year,
    extract(quarter from day)::integer as quarter,
    extract(month from day)::integer as month,
    to_char(day, 'YYYYMM')::integer as month_key,
    extract(day from day)::integer as day_of_month,
    extract(doy from day)::integer as day_of_year,
    extract(isoyear from day)::integer as iso_year,
    extract(week from day)::integer as iso_week,
    extract(isodow from day)::integer as iso_day_of_week,
    extract(isodow from day) > 5 as is_weekend
from days
