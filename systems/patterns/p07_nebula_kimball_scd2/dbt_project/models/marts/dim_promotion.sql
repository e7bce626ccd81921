select distinct
    {{ surrogate_key(['code']) }} as promotion_key,
    code
from {{ ref('int_promotion_groups') }}, unnest(string_to_array(promotion_codes, '|')) as codes (code)
