{{ moved('dim_customer', ref('int_customers_touched'), 'customer_id', 'customer_key') }}
