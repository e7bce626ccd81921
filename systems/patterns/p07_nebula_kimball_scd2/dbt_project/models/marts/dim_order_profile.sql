select distinct
    {{ surrogate_key(['channel', 'payment', 'promotion_codes is not null']) }} as profile_key,
    channel,
    payment,
    promotion_codes is not null as is_promoted
from {{ ref('int_order_lines') }}
where is_touched
