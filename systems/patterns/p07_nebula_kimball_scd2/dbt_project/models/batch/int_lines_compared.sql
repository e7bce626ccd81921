{{ compared('orders', ref('int_lines_considered'), ['order_id', 'line_no'],
    identity=['order_id', 'line_no'],
    columns=['customer_id', 'product_id', 'ordered_at', 'quantity', 'amount', 'channel', 'payment',
             'promotions'],
    meaning={'promotions': promotion_codes('promotions')}) }}
