{%- set texts = [
    'fullname', 'orbit_id', 'jd', 'dist', 'dist_min', 'dist_max', 'v_rel', 'v_inf', 't_sigma_f', 'h',
] -%}

with source as (

    select * from {{ source('raw', 'close_approaches') }}
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
        {{ clean('source.des') }} as designation
    from source

)

select * from renamed
