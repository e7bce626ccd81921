{%- set events = ['paid', 'shipped', 'delivered', 'cancelled'] -%}
with lines as (

    select * from {{ ref('int_order_lines') }} where is_touched

),

first_lines as (

    select distinct on (order_id) order_id, customer_id, ordered_at
    from lines
    order by order_id, ordered_at, line_no

),

ordered as (

    select
        order_id,
        count(*)::integer as lines,
        sum(quantity) as quantity,
        sum(amount) as amount
    from lines
    group by order_id

),

happened as (

    select
        order_id
        {%- for event in events %},
        min(happened_at) filter (where event = '{{ event }}') as {{ event }}_at
        {%- endfor %}
    from {{ ref('int_order_events') }}
    group by order_id

),

returned as (

    select
        order_id,
        min(returned_at) as first_returned_at,
        sum(amount) as amount
    from {{ ref('int_returns') }}
    group by order_id

)

select
    ordered.order_id,
    coalesce(customers.customer_key, -1) as customer_key,
    {{ date_key('first_lines.ordered_at') }} as ordered_date_key
    {%- for event in events %},
    {{ date_key('happened.' ~ event ~ '_at') }} as {{ event }}_date_key
    {%- endfor %},
    {{ date_key('returned.first_returned_at') }} as first_returned_date_key,
    ordered.lines,
    ordered.quantity,
    ordered.amount,
    coalesce(returned.amount, 0.00) as returned_amount
    {%- for event, name in [('shipped', 'ship'), ('delivered', 'deliver')] %},
    round((extract(epoch from happened.{{ event }}_at - first_lines.ordered_at) / 3600)::numeric, 2) as hours_to_{{ name }}
    {%- endfor %},
    case
        {%- for event in events | reverse %}
        when happened.{{ event }}_at is not null then '{{ event }}'
        {%- endfor %}
        else 'ordered'
    end as status
from ordered
join first_lines on ordered.order_id = first_lines.order_id
left join happened on ordered.order_id = happened.order_id
left join returned on ordered.order_id = returned.order_id
left join {{ as_it_will_be('customer', ref('int_order_lines')) }} as customers
    on first_lines.customer_id = customers.customer_id and {{ valid_at('customers', 'first_lines.ordered_at') }}
