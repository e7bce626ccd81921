select distinct
    {{ surrogate_key(['promotion_codes']) }} as promotion_group_key,
    promotion_codes
from {{ ref('int_order_lines') }}
where is_touched and promotion_codes is not null
