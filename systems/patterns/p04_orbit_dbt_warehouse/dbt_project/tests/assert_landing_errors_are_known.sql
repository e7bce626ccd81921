-- Why a record could not be taken apart is a rule that a reader has: that of JPL's answers, or that of delimited text,
-- which names the encoding that a record is not (not_utf8, not_cp1252).
with records as (

    select file_id, line, landing_error
    from {{ ref('stg_jpl__small_bodies') }}

    union all

    select file_id, line, landing_error
    from {{ ref('stg_jpl__close_approaches') }}

)

select *
from records
where landing_error not in (
    'not_a_row', 'ragged_row', 'bad_character',
    'nul_byte', 'bom_inside', 'quote_misplaced', 'field_count', 'field_too_long', 'header_repeated'
)
    and landing_error not like 'form:%'
    and landing_error not like 'not_%'
