{{ compared('returns', ref('int_returns_considered'), ['return_id'],
    identity=['return_id'],
    columns=['order_id', 'line_no', 'returned_at', 'quantity', 'amount', 'reason']) }}
