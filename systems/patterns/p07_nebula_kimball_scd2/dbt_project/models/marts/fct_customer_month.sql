with lines as (

    select
        *,
        date_trunc('month', ordered_at at time zone 'UTC') as month
    from {{ ref('int_order_lines') }}
    where customer_id in (select customer_id from {{ ref('int_customers_affected') }})

),

sold as (

    select
        customer_id,
        month,
        count(distinct order_id)::integer as orders,
        sum(quantity) as quantity,
        sum(amount) as amount
    from lines
    group by customer_id, month

),

returned as (

    select
        lines.customer_id,
        date_trunc('month', returns.returned_at at time zone 'UTC') as month,
        sum(returns.amount) as amount
    from {{ ref('int_returns') }} as returns
    join lines on returns.order_id = lines.order_id and returns.line_no = lines.line_no
    group by 1, 2

),

returned_last as (

    select customer_id, max(month) as last_month
    from returned
    group by customer_id

),

active as (

    select
        sold.customer_id,
        min(sold.month) as first_month,
        greatest(max(sold.month), max(returned_last.last_month)) as last_month
    from sold
    left join returned_last on sold.customer_id = returned_last.customer_id
    group by sold.customer_id

),

months as (

    select
        active.customer_id,
        series.month
    from active, generate_series(active.first_month, active.last_month, interval '1 month') as series (month)

),

counted as (

    select
        months.customer_id,
        months.month,
        coalesce(sold.orders, 0) as orders,
        coalesce(sold.quantity, 0) as quantity,
        coalesce(sold.amount, 0.00) as amount,
        coalesce(returned.amount, 0.00) as returned_amount,
        max(sold.month) over (partition by months.customer_id order by months.month) as last_order_month
    from months
    left join sold on months.customer_id = sold.customer_id and months.month = sold.month
    left join returned on months.customer_id = returned.customer_id and months.month = returned.month

)

select
    counted.customer_id,
    coalesce(customers.customer_key, -1) as customer_key,
    to_char(counted.month, 'YYYYMM')::integer as month_key,
    counted.orders,
    counted.quantity,
    counted.amount,
    counted.returned_amount,
    sum(counted.amount) over (partition by counted.customer_id order by counted.month) as cumulative_amount,
    ((extract(year from counted.month) - extract(year from counted.last_order_month)) * 12
        + extract(month from counted.month) - extract(month from counted.last_order_month))::integer as months_since_order
from counted
left join {{ as_it_will_be('customer', ref('int_customers_affected')) }} as customers
    on counted.customer_id = customers.customer_id
    and {{ valid_at('customers', "((counted.month + interval '1 month') at time zone 'UTC' - interval '1 microsecond')") }}
