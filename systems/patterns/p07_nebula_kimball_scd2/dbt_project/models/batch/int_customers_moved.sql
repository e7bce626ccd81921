{{ moved('customer') }}
