{%- set texts = [
    'full_name', 'spkid', 'pdes', 'neo', 'pha', 'h', 'g', 'm1', 'm2', 'diameter', 'extent', 'albedo', 'rot_per',
    'orbit_id', 'epoch_mjd', 'e', 'a', 'q', 'i', 'om', 'w', 'ma', 'tp', 'per_y', 'moid',
] -%}

with source as (

    select * from {{ source('raw', 'small_bodies') }}
    where file_id in ({{ current_files() }})

),

renamed as (

    select
        cast(file_id as {{ dbt.type_bigint() }}) as file_id,
        cast(line as {{ dbt.type_bigint() }}) as line,
        cast(byte_offset as {{ dbt.type_bigint() }}) as byte_offset,
        record_text,
        {{ clean('landing_error') }} as landing_error,
        {%- for text in texts %}
        {{ clean('source.' ~ text) }} as {{ text }},
        {%- endfor %}
        {{ clean('source.class') }} as class_code
    from source

)

select * from renamed
