with refused as (

    select file_id, line, byte_offset, rule, rule_column, 'small_bodies' as kind
    from {{ ref('int_small_bodies_judged') }}
    where rule is not null

    union all

    select file_id, line, byte_offset, rule, rule_column, 'close_approaches' as kind
    from {{ ref('int_close_approaches_judged') }}
    where rule is not null

),

records as (

    select file_id, line, byte_offset, record_text
    from {{ ref('stg_jpl__small_bodies') }}

    union all

    select file_id, line, byte_offset, record_text
    from {{ ref('stg_jpl__close_approaches') }}

),

files as (

    select * from {{ ref('stg_jpl__files') }}

),

final as (

    select
        refused.file_id,
        files.file_name,
        refused.kind,
        refused.line,
        refused.byte_offset,
        refused.rule_column as column_name,
        refused.rule,
        {{ rule_message('refused.rule', 'refused.rule_column') }} as message,
        records.record_text
    from refused
    inner join records
        on refused.file_id = records.file_id
        and refused.line = records.line
        and refused.byte_offset = records.byte_offset
    left join files on refused.file_id = files.file_id

)

select * from final
