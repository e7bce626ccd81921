-- lines of an order that is touched, and all others of its customers, for their months
select order_id, line_no
from {{ source('raw', 'orders') }}
where order_id in (select order_id from {{ ref('int_orders_touched') }})
union
select order_id, line_no
from {{ source('raw', 'orders') }}
where customer_id in (select customer_id from {{ ref('int_customers_affected') }})
