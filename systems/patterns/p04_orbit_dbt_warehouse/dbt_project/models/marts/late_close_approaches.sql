{{ config(materialized='view') }}

with delivered as (

    select * from {{ ref('int_close_approaches_delivered') }}

),

bodies as (

    select designation from {{ ref('dim_small_body') }}

),

kept as (

    select close_approach_id, file_id from {{ ref('fct_close_approaches') }}

),

final as (

    select
        {{ approach_columns('delivered', 'bodies') }}
    from delivered
    left join bodies on delivered.designation = bodies.designation
    left join kept
        on delivered.close_approach_id = kept.close_approach_id
        and delivered.file_id = kept.file_id
    where kept.close_approach_id is null

)

select * from final
