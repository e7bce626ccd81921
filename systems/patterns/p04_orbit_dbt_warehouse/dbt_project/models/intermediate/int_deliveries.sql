{#- What became of each file's rows. -#}

with files as (

    select * from {{ ref('stg_jpl__files') }}

),

landed as (

    select file_id, count(*) as rows_landed
    from {{ ref('stg_jpl__small_bodies') }}
    group by file_id

    union all

    select file_id, count(*) as rows_landed
    from {{ ref('stg_jpl__close_approaches') }}
    group by file_id

),

judged as (

    select file_id, count(*) as rows_judged, count(rule) as rows_refused
    from {{ ref('int_small_bodies_judged') }}
    group by file_id

    union all

    select file_id, count(*) as rows_judged, count(rule) as rows_refused
    from {{ ref('int_close_approaches_judged') }}
    group by file_id

),

landed_by_file as (

    select file_id, sum(rows_landed) as rows_landed
    from landed
    group by file_id

),

judged_by_file as (

    select file_id, sum(rows_judged) as rows_judged, sum(rows_refused) as rows_refused
    from judged
    group by file_id

),

final as (

    select
        files.file_id,
        files.file_name,
        files.kind,
        files.rows_read,
        cast(coalesce(landed_by_file.rows_landed, 0) as {{ dbt.type_bigint() }}) as rows_landed,
        cast(coalesce(judged_by_file.rows_judged, 0) as {{ dbt.type_bigint() }}) as rows_judged,
        cast(coalesce(judged_by_file.rows_refused, 0) as {{ dbt.type_bigint() }}) as rows_refused
    from files
    left join landed_by_file on files.file_id = landed_by_file.file_id
    left join judged_by_file on files.file_id = judged_by_file.file_id

)

select * from final
