select return_id
from {{ source('raw', 'returns') }}
where order_id in (select order_id from {{ ref('int_orders_touched') }})
union
select return_id
from {{ source('raw', 'returns') }}
where (order_id, line_no) in (select order_id, line_no from {{ ref('int_order_lines') }})
