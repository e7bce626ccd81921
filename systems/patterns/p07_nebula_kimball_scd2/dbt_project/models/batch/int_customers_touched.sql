{{ touched('customers', 'customer_id') }}
