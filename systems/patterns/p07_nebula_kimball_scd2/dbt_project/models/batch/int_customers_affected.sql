-- whose months may have to be counted again
select customer_id
from {{ source('raw', 'orders') }}
where order_id in (select order_id from {{ ref('int_orders_touched') }})
union
select customer_id from {{ ref('int_customers_moved') }}
{%- if is_everything() %}
union
select customer_id from {{ source('published', 'fct_customer_month') }}
{%- endif %}
