{{
    config(
        materialized='incremental',
        incremental_strategy='late_window',
        on_schema_change='fail',
    )
}}

with bodies as (

    select designation from {{ ref('dim_small_body') }}

),

delivered as (

    select * from {{ ref('int_close_approaches_delivered') }}
    {% if is_incremental() -%}
    where approached_on >= {{ window_begin() }}
    {%- endif %}

),

-- Computed from the elements of today, and so never for days before the window.
computed as (

    select * from {{ ref('int_close_approaches_computed') }}
    where approached_on >= {{ window_begin() }}

),

final as (

    select
        {{ approach_columns('delivered', 'bodies') }}
    from delivered
    left join bodies on delivered.designation = bodies.designation

    union all

    select
        {{ approach_columns('computed', 'bodies') }}
    from computed
    left join bodies on computed.designation = bodies.designation

)

select * from final
