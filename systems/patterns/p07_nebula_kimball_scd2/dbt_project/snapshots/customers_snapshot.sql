{#
    For comparison only: what a snapshot keeps of the customers, taken of the shop's current rows once a batch.
    Runs leave it out; `dbt snapshot` takes it.
#}
{% snapshot customers_snapshot %}

{{
    config(
        unique_key='customer_id',
        strategy='timestamp',
        updated_at='changed_at',
        hard_deletes='invalidate',
    )
}}

with last_told as (

    select distinct on (customer_id) *
    from {{ source('raw', 'customers') }}
    order by customer_id, changed_at desc, change_no desc

)

select
    customer_id,
    changed_at,
    name,
    email,
    segment,
    street,
    city,
    state,
    postal_code,
    country,
    territory,
    registered_on
from last_told
where op <> 'delete'

{% endsnapshot %}
