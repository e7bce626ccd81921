{%- if is_everything() %}
select order_id from {{ source('raw', 'orders') }}
union
select order_id from {{ source('raw', 'order_events') }}
union
select order_id from {{ source('raw', 'returns') }}
{%- for table in ['fct_order_lines', 'fct_returns', 'fct_order_fulfilment', 'late_facts'] %}
union
select order_id from {{ source('published', table) }}
{%- endfor %}
{%- else %}
-- of which something new was told
select order_id from {{ source('raw', 'orders') }} where file_id in {{ pending() }}
union
select order_id from {{ source('raw', 'order_events') }} where file_id in {{ pending() }}
union
select order_id
from {{ source('raw', 'returns') }}
where return_id in (select return_id from {{ source('raw', 'returns') }} where file_id in {{ pending() }})
{%- for dimension in ['customer', 'product'] %}
-- whose {{ dimension }} has other versions at the time of a line, or of its return
union
select orders.order_id
from {{ ref('int_' ~ dimension ~ 's_moved') }} as moved
join {{ source('raw', 'orders') }} as orders on orders.{{ dimension }}_id = moved.{{ dimension }}_id
left join {{ source('raw', 'returns') }} as returns
    on returns.order_id = orders.order_id and returns.line_no = orders.line_no
where orders.ordered_at >= moved.moved_from or returns.returned_at >= moved.moved_from
{%- endfor %}
{%- endif %}
