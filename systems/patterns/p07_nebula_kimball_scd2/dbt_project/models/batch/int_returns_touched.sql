-- returns of touched orders, with all that is told of them elsewhere
select distinct return_id
from {{ source('raw', 'returns') }}
where order_id in (select order_id from {{ ref('int_orders_touched') }})
{%- if is_everything() %}
union
select return_id
from {{ source('published', 'fct_returns') }}
{%- endif %}
