with source as (

    select * from {{ source('raw', 'files') }}
    where file_id in ({{ current_files() }})

),

renamed as (

    select
        cast(file_id as {{ dbt.type_bigint() }}) as file_id,
        {{ clean('file_name') }} as file_name,
        sha256,
        {{ clean('kind') }} as kind,
        {{ clean('source.source') }} as answered_by,
        {{ clean('signature_version') }} as answer_version,
        cast(rows_read as {{ dbt.type_bigint() }}) as rows_read,
        cast(load_id as {{ dbt.type_bigint() }}) as load_id,
        loaded_at
    from source

)

select * from renamed
