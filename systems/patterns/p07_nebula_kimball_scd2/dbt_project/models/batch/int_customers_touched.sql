{{ touched('customers', 'customer_id', 'dim_customer') }}
