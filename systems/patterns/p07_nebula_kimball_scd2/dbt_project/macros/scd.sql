{# Slowly changing dimensions by column: what each column does when it changes is in the model's YAML, as `meta: {scd: 2}`.

   0  the first value that was told, for ever
   1  the last value, on every version
   2  a change opens a version
   3  the last value, on every version, and the one before it in `previous_<column>` #}

{% macro scd_columns(type) %}
    {%- set found = [] -%}
    {%- for column in model.columns.values() if (column.config.meta or column.meta).get('scd') == type -%}
        {%- do found.append(column.name) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{# A surrogate key: 63 bits of a hash, so that it is the same after every rebuild, wherever it is made; its uniqueness is
   a constraint of the published table. #}
{% macro surrogate_key(columns) -%}
    (('x' || substr(md5(row({{ columns | join(', ') }})::text), 1, 16))::bit(64)::bigint & x'7fffffffffffffff'::bigint)
{%- endmacro %}

{# All versions of the keys in `changes`, half-open, whatever the order in which their changes came.

   Args: changes: one row a change: the key, changed_at, change_no, is_deleted and the columns.
         key: of the source. surrogate: the name of the key to make. #}
{% macro scd_versions(changes, key, surrogate) -%}
{%- set original, latest, tracked, alternate = scd_columns(0), scd_columns(1), scd_columns(2), scd_columns(3) -%}
with told as (

    select
        *,
        lead(changed_at) over by_time as next_change
        {%- for column in original %},
        (array_agg({{ column }}) filter (where {{ column }} is not null) over whole_life)[1] as first_{{ column }}
        {%- endfor %}
    from {{ changes }}
    window
        by_time as (partition by {{ key }} order by changed_at, change_no),
        whole_life as (by_time rows between unbounded preceding and unbounded following)

),

-- of several changes at one instant the last one holds
states as (

    select
        *,
        md5(row({{ tracked | join(', ') }})::text) as row_hash
    from told
    where next_change is distinct from changed_at

),

walked as (

    select
        *,
        lag(is_deleted) over by_time as was_deleted,
        lag(row_hash) over by_time as hash_before
    from states
    window by_time as (partition by {{ key }} order by changed_at)

),

-- what the last upsert says is on every version
known as (

    select
        *
        {%- for column in latest + alternate %},
        first_value({{ column }}) over from_the_last as last_{{ column }}
        {%- endfor %}
    from walked
    window from_the_last as (partition by {{ key }} order by is_deleted, changed_at desc)

),

known_before as (

    select
        *
        {%- for column in alternate %},
        (
            array_agg({{ column }}) filter (where not is_deleted and {{ column }} is distinct from last_{{ column }})
            over backwards
        )[1] as previous_{{ column }}
        {%- endfor %}
    from known
    window backwards as (
        partition by {{ key }} order by is_deleted, changed_at desc
        rows between unbounded preceding and unbounded following
    )

),

-- where something begins or ends: a version, or the time without one after a delete
cuts as (

    select
        *,
        lead(changed_at) over (partition by {{ key }} order by changed_at) as next_cut
    from known_before
    where
        case
            when is_deleted then not was_deleted
            else was_deleted is null or was_deleted or row_hash <> hash_before
        end

),

versions as (

    select
        *,
        (row_number() over (partition by {{ key }} order by changed_at))::integer as version_no
    from cuts
    where not is_deleted

)

select
    {{ surrogate_key([key, 'extract(epoch from changed_at)']) }} as {{ surrogate }},
    {{ key }}
    {%- for column in original %},
    first_{{ column }} as {{ column }}
    {%- endfor %}
    {%- for column in latest + alternate %},
    last_{{ column }} as {{ column }}
    {%- endfor %}
    {%- for column in alternate %},
    previous_{{ column }}
    {%- endfor %}
    {%- for column in tracked %},
    {{ column }}
    {%- endfor %},
    changed_at as valid_from,
    coalesce(next_cut, 'infinity') as valid_to,
    next_cut is null as is_current,
    version_no,
    case
        when version_no = 1 then 'new'
        when was_deleted then 'returned'
        else 'changed'
    end as change_reason,
    row_hash
from versions
{%- endmacro %}
