{{ config(materialized='ephemeral') }}

select
    *,
    op = 'delete' as is_deleted
from {{ ref('int_products_compared') }}
where is_first and not is_conflicting
