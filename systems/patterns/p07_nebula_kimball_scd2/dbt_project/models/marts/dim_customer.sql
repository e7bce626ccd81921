{{ scd_versions(ref('int_customer_changes'), key='customer_id', surrogate='customer_key') }}
