{#- Rules 1 to 9: those a row can be judged by alone. One pass over all rows, one conversion a value. -#}
{%- set numbers = [
    'epoch_mjd', 'e', 'a', 'q', 'i', 'om', 'w', 'ma', 'tp', 'per_y', 'h', 'g', 'm1', 'm2', 'diameter', 'albedo',
    'rot_per', 'moid',
] -%}
{%- set allowed = [
    ('epoch_mjd', '{} between -1000000 and 100000'),
    ('e', '{} between 0 and 100'),
    ('a', 'abs({}) >= 0.0001'),
    ('q', '{} between 0.0001 and 1000'),
    ('i', '{} between 0 and 180'),
    ('om', '{} between 0 and 360'),
    ('w', '{} between 0 and 360'),
    ('ma', '{} between 0 and 360'),
    ('per_y', '{} > 0'),
    ('h', '{} between -50 and 50'),
    ('g', '{} between -50 and 50'),
    ('m1', '{} between -50 and 50'),
    ('m2', '{} between -50 and 50'),
    ('diameter', '{} > 0 and {} <= 10000'),
    ('albedo', '{} > 0 and {} <= 2'),
    ('rot_per', '{} > 0'),
    ('moid', '{} >= 0'),
] -%}

with bodies as (

    select * from {{ ref('stg_jpl__small_bodies') }}

),

classes as (

    select * from {{ ref('orbit_classes') }}

),

typed as (

    select
        bodies.file_id,
        bodies.line,
        bodies.byte_offset,
        bodies.landing_error,
        bodies.pdes,
        {{ collapse_blanks('bodies.full_name') }} as full_name,
        bodies.class_code,
        classes.kind,
        bodies.neo,
        bodies.orbit_id,
        bodies.extent,
        {%- for number in numbers %}
        bodies.{{ number }},
        {{ to_number('bodies.' ~ number) }} as {{ number }}_number{{ ',' if not loop.last }}
        {%- endfor %}
    from bodies
    left join classes on bodies.class_code = classes.class_code

),

designated as (

    select
        typed.*,
        case when pdes is not null then pdes else {{ designation_of('full_name') }} end as designation
    from typed

),

judged as (

    select
        designated.*,
        case
            when landing_error is not null then landing_error || ':'
            when full_name is null and pdes is null then 'no_designation:full_name'
            when designation is null then 'designation_form:full_name'
            {{- not_a_number_rules(numbers) }}
            {{- missing_rules(['epoch_mjd', 'e', 'i', 'om', 'w']) }}
            when class_code is null then 'missing:class'
            when q is null and a is null then 'missing:q'
            {{- out_of_range_rules(allowed) }}
            when (e_number < 1 and a_number < 0) or (e_number > 1 and a_number > 0) then 'out_of_range:a'
            when q is null and not (a_number * (1 - e_number) between 0.0001 and 1000) then 'out_of_range:a'
            when extent is not null
                and not {{ matches('extent', '[0-9]{1,9}([.][0-9]+)?( ?x ?[0-9]{1,9}([.][0-9]+)?){1,2}') }}
                then 'extent_form:extent'
            when e_number < 1 and abs(q_number - a_number * (1 - e_number)) > 0.001 * greatest(1, q_number)
                then 'elements_disagree:q'
            when kind is null then 'unknown_class:class'
            when neo not in ('Y', 'N') then 'unknown_flag:neo'
        end as verdict
    from designated

),

final as (

    select
        file_id,
        line,
        byte_offset,
        designation,
        full_name,
        class_code,
        kind,
        neo,
        orbit_id,
        extent,
        {%- for number in numbers %}
        {{ number }}_number as {{ number }},
        {%- endfor %}
        {{ split_verdict('verdict', 1) }} as rule,
        {{ split_verdict('verdict', 2) }} as rule_column
    from judged

)

select * from final
