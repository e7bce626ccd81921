-- equal weights with six decimals; what that leaves of 1 falls to the first code
with coded as (

    select
        groups.promotion_group_key,
        codes.code,
        codes.place,
        count(*) over (partition by groups.promotion_group_key) as codes_in_group
    from {{ ref('int_promotion_groups') }} as groups,
        unnest(string_to_array(groups.promotion_codes, '|')) with ordinality as codes (code, place)

),

shared as (

    select
        *,
        trunc(1.0 / codes_in_group, 6) as share
    from coded

)

select
    promotion_group_key,
    {{ surrogate_key(['code']) }} as promotion_key,
    (case when place = 1 then 1 - share * (codes_in_group - 1) else share end)::numeric(7, 6) as weight
from shared
