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
    (('x' || substr(md5({% for column in columns %}({{ column }})::text{{ " || '|' || " if not loop.last }}{% endfor %}), 1, 16))::bit(64)::bigint
        & x'7fffffffffffffff'::bigint)
{%- endmacro %}

{# All versions of the keys in `changes`, half-open, whatever the order in which their changes came.

   Args: changes: one row a change: the key, changed_at, change_no, is_deleted and the columns.
         key: of the source. surrogate: the name of the key to make. #}
{% macro scd_versions(changes, key, surrogate) -%}
{%- set original, latest, tracked, alternate = scd_columns(0), scd_columns(1), scd_columns(2), scd_columns(3) -%}
with changes as (

    select * from {{ changes }}

),

-- of several changes at one instant the last one holds
states as (

    select
        *,
        md5(row({{ tracked | join(', ') }})::text) as row_hash
    from (
        select
            changes.*,
            lead(changed_at) over (partition by {{ key }} order by changed_at, change_no) as next_change
        from changes
    ) as ordered
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

-- where something begins or ends: a version, or the time without one after a delete
cuts as (

    select
        *,
        lead(changed_at) over (partition by {{ key }} order by changed_at) as next_cut
    from walked
    where
        case
            when is_deleted then not was_deleted
            else was_deleted is null or was_deleted or row_hash <> hash_before
        end

),

lives as (

    select
        {{ key }}
        {%- for column in original %},
        (array_agg({{ column }} order by changed_at, change_no) filter (where {{ column }} is not null))[1] as {{ column }}
        {%- endfor %}
    from changes
    group by {{ key }}

),

upserts as (

    select
        *,
        row_number() over (partition by {{ key }} order by changed_at desc) as back
    from states
    where not is_deleted

),

now as (

    select {{ ([key] + latest + alternate) | join(', ') }} from upserts where back = 1

)
{%- for column in alternate %},

before_{{ column }} as (

    select distinct on (upserts.{{ key }})
        upserts.{{ key }},
        upserts.{{ column }} as previous_{{ column }}
    from upserts
    join now on upserts.{{ key }} = now.{{ key }} and upserts.{{ column }} is distinct from now.{{ column }}
    order by upserts.{{ key }}, upserts.back

)
{%- endfor %}

select
    {{ surrogate_key(['cuts.' ~ key, 'cuts.changed_at']) }} as {{ surrogate }},
    cuts.{{ key }}
    {%- for column in original %},
    lives.{{ column }}
    {%- endfor %}
    {%- for column in latest + alternate %},
    now.{{ column }}
    {%- endfor %}
    {%- for column in alternate %},
    before_{{ column }}.previous_{{ column }}
    {%- endfor %}
    {%- for column in tracked %},
    cuts.{{ column }}
    {%- endfor %},
    cuts.changed_at as valid_from,
    coalesce(cuts.next_cut, 'infinity') as valid_to,
    cuts.next_cut is null as is_current,
    (row_number() over (partition by cuts.{{ key }} order by cuts.changed_at))::integer as version_no,
    case
        when row_number() over (partition by cuts.{{ key }} order by cuts.changed_at) = 1 then 'new'
        when cuts.was_deleted then 'returned'
        else 'changed'
    end as change_reason,
    cuts.row_hash
from cuts
join lives on cuts.{{ key }} = lives.{{ key }}
join now on cuts.{{ key }} = now.{{ key }}
{%- for column in alternate %}
left join before_{{ column }} on cuts.{{ key }} = before_{{ column }}.{{ key }}
{%- endfor %}
where not cuts.is_deleted
{%- endmacro %}
