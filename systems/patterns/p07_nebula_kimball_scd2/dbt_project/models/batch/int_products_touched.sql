{{ touched('products', 'product_id', 'dim_product') }}
