{{ scd_versions(ref('int_product_changes'), key='product_id', surrogate='product_key') }}
