{{ moved('product') }}
