{{ moved('dim_product', ref('int_products_touched'), 'product_id', 'product_key') }}
