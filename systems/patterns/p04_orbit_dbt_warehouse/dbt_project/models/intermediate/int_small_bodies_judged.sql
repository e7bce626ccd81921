{{ config(materialized='view') }}

with checked as (

    select * from {{ ref('int_small_bodies_checked') }}

),

compared as (

    select * from {{ ref('int_small_bodies_compared') }}

),

final as (

    select
        checked.file_id,
        checked.line,
        checked.byte_offset,
        checked.designation,
        checked.full_name,
        checked.class_code,
        checked.kind,
        checked.neo,
        checked.orbit_id,
        checked.extent,
        checked.epoch_mjd,
        checked.e,
        checked.a,
        checked.q,
        checked.i,
        checked.om,
        checked.w,
        checked.ma,
        checked.tp,
        checked.per_y,
        checked.h,
        checked.g,
        checked.m1,
        checked.m2,
        checked.diameter,
        checked.albedo,
        checked.rot_per,
        checked.moid,
        coalesce(checked.rule, compared.rule) as rule,
        coalesce(checked.rule_column, compared.rule_column) as rule_column,
        checked.rule is null
        and compared.rule is null
        and (compared.designation is null or compared.current_file_id = checked.file_id) as is_current
    from checked
    left join compared
        on checked.file_id = compared.file_id
        and checked.designation = compared.designation
        and checked.rule is null

)

select * from final
