{{ compared('products', ref('int_products_touched'), ['product_id'],
    identity=['product_id', 'changed_at', 'change_no'],
    columns=['op', 'name', 'product_line', 'supplier', 'status', 'msrp']) }}
