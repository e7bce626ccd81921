-- rows that broke a rule by themselves, and all rows of a key that say different things, whenever they came
{%- set conflicts = {
    'customers': ('customers', 'conflicting_change', 'change_no', 'another row of this change says something else'),
    'products': ('products', 'conflicting_change', 'change_no', 'another row of this change says something else'),
    'lines': ('orders', 'conflicting_line', 'line_no', 'another row of this order line says something else'),
    'events': ('order_events', 'conflicting_event', 'event', 'another row of this event says something else'),
    'returns': ('returns', 'conflicting_return', 'return_id', 'another row of this return says something else'),
} %}
with refused as (

    select
        file_id,
        line,
        byte_offset,
        column_name,
        rule,
        message,
        record_text
    from {{ source('raw', 'refused') }}
    {%- if not is_everything() %}
    where file_id in {{ pending() }}
    {%- endif %}
    {%- for relation, (table, rule, column, message) in conflicts.items() %}
    union all
    select
        told.file_id,
        told.line,
        told.byte_offset,
        '{{ column }}',
        '{{ rule }}',
        '{{ message }}',
        told.record_text
    from {{ ref('int_' ~ relation ~ '_compared') }} as compared
    join {{ source('raw', table) }} as told on compared.file_id = told.file_id and compared.line = told.line
    where compared.is_conflicting
    {%- endfor %}

)

select
    refused.file_id,
    refused.line,
    files.name as file_name,
    refused.byte_offset,
    refused.column_name,
    refused.rule,
    refused.message,
    refused.record_text
from refused
join {{ source('raw', 'files') }} as files on refused.file_id = files.file_id
