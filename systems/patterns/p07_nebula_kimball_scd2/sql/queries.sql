-- What a dimension that remembers is good for: questions whose answer a table of the current state cannot give.

-- Where was it sold, as it was then, and as it would look if customers had always lived where they live now?
create or replace view p07_nebula.sales_then_and_now as
select coalesce(territory, '(not told)') as territory, sum(then_amount) as where_they_lived, sum(now_amount) as where_they_live_now,
    sum(now_amount) - sum(then_amount) as moved
from (
    select c.territory, f.amount as then_amount, 0 as now_amount
    from p07_nebula.fct_order_lines f
    join p07_nebula.dim_customer c using (customer_key)
    union all
    select c.territory, 0, f.amount
    from p07_nebula.fct_order_lines f
    join p07_nebula.dim_customer as_then using (customer_key)
    left join p07_nebula.dim_customer c on c.customer_id = as_then.customer_id and c.is_current
) as both_ways
group by 1
order by where_they_lived desc, territory;

-- What did each promotion bring, if an order line under several counts a part for each? The parts add up to the whole.
create or replace view p07_nebula.promotions_weighted as
select p.code as promotion, count(*) as order_lines, round(sum(f.amount * b.weight), 2) as amount,
    sum(f.amount) as amount_if_counted_for_each
from p07_nebula.fct_order_lines f
join p07_nebula.bridge_promotion_group b using (promotion_group_key)
join p07_nebula.dim_promotion p using (promotion_key)
group by p.code
order by amount desc, promotion;

-- How long do orders take, by the month they were ordered in?
create or replace view p07_nebula.fulfilment_by_month as
select d.month_key, count(*) as orders, count(*) filter (where f.status = 'delivered') as delivered,
    count(*) filter (where f.status = 'cancelled') as cancelled, round(avg(f.hours_to_ship), 1) as hours_to_ship,
    round(avg(f.hours_to_deliver), 1) as hours_to_deliver, sum(f.amount) as amount, sum(f.returned_amount) as returned_amount
from p07_nebula.fct_order_fulfilment f
join p07_nebula.dim_date d on d.date_key = f.ordered_date_key
where f.paid_date_key > 0 or f.shipped_date_key > 0 or f.cancelled_date_key > 0
group by d.month_key
order by d.month_key;

-- Of the customers who began in a month, how many bought again after so many months?
create or replace view p07_nebula.customers_who_came_back as
select first_month, count(*) as customers, count(*) filter (where months_active > 1) as came_back,
    round(100.0 * count(*) filter (where months_active > 1) / count(*), 1) as percent, sum(amount) as amount
from (
    select customer_id, min(month_key) as first_month, count(*) filter (where orders > 0) as months_active, sum(amount) as amount
    from p07_nebula.fct_customer_month
    group by customer_id
) as customers
group by first_month
order by first_month;

-- What is known of a customer, version by version.
create or replace view p07_nebula.customer_versions as
select customer_id, version_no, change_reason, valid_from, nullif(valid_to, 'infinity') as valid_to, name, segment,
    previous_segment, city, state, country, territory
from p07_nebula.dim_customer
where customer_key > 0
order by customer_id, version_no;
