{{ compared('order_events', ref('int_orders_touched'), ['order_id'],
    identity=['order_id', 'event'],
    columns=['happened_at']) }}
