{{ compared('customers', ref('int_customers_touched'), ['customer_id'],
    identity=['customer_id', 'changed_at', 'change_no'],
    columns=['op', 'name', 'email', 'segment', 'street', 'city', 'state', 'postal_code', 'country', 'territory', 'registered_on']) }}
