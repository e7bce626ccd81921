{{ touched('products', 'product_id') }}
