{{ compared('order_events', ref('int_orders_touched'), ['order_id'],
    identity=['order_id', 'event'],
    content=['happened_at']) }}
