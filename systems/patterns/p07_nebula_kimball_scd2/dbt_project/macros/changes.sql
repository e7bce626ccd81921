{# The files that no run has published yet, by their numbers: PostgreSQL then sees that they are few. #}
{% macro pending() -%}
    {%- if execute -%}
        {%- set files = run_query("select file_id from " ~ source('raw', 'files') ~ " where load_id is null") -%}
    (null{% for row in files.rows %}, {{ row[0] }}{% endfor %})
    {%- else -%}
    (null)
    {%- endif -%}
{%- endmacro %}

{# Whether everything is derived again, and not only what a new row can have changed. #}
{% macro is_everything() -%}
    {{ return(var('everything') == 'yes') }}
{%- endmacro %}

{# Which keys have rows in files that no run has published yet; every key, where everything is derived again: also those
   that are published and of which the raw tables have nothing any more. #}
{% macro touched(source_name, key, published) -%}
select distinct {{ key }}
from {{ source('raw', source_name) }}
{%- if is_everything() %}
union
select {{ key }}
from {{ source('published', published) }}
where valid_from > '-infinity'  -- no member
{%- else %}
where file_id in {{ pending() }}
{%- endif %}
{%- endmacro %}

{# The accepted rows among those whose `key` is in `considered`: exact repetitions count once, and of an identity whose
   rows differ there is none, whichever came first. `is_conflicting` rows are kept, for the refusals.

   Args: source_name: of the raw table. considered: a relation that has the key. key: columns that stand in both.
         identity: the columns by which a row is known. columns: all that a row says beside them.
         meaning: for a column the expression of what it means, where it can be written in more than one way. #}
{% macro compared(source_name, considered, key, identity, columns, meaning={}) -%}
{%- set content = [] -%}
{%- for column in columns %}{% do content.append(meaning.get(column, column)) %}{% endfor -%}
with hashed as materialized (  -- else each window makes the hashes anew

    select
        {{ (identity + columns) | join(', ') }},
        file_id,
        line,
        md5(row({{ content | join(', ') }})::text) as content_hash
    from {{ source('raw', source_name) }}
    where ({{ key | join(', ') }}) in (select {{ key | join(', ') }} from {{ considered }})

)

select
    *,
    row_number() over (partition by {{ identity | join(', ') }} order by file_id, line) = 1 as is_first,
    min(content_hash) over (partition by {{ identity | join(', ') }})
        <> max(content_hash) over (partition by {{ identity | join(', ') }}) as is_conflicting
from hashed
{%- endmacro %}

{# From when on the versions of a key are not what is published: facts before that stay as they are. A version's surrogate
   key is made of its key and its begin. #}
{% macro moved(member) -%}
{%- set key, surrogate = member ~ '_id', member ~ '_key' -%}
with there as (

    select {{ [key, surrogate, 'valid_from', 'valid_to'] | join(', ') }}
    from {{ source('published', 'dim_' ~ member) }}
    where
        {{ key }} in (select {{ key }} from {{ ref('int_' ~ member ~ 's_touched') }})
        and valid_from > '-infinity'

)

select
    coalesce(made.{{ key }}, there.{{ key }}) as {{ key }},
    min(coalesce(made.valid_from, there.valid_from)) as moved_from
from {{ ref('dim_' ~ member) }} as made
full join there on made.{{ surrogate }} = there.{{ surrogate }}
where made.valid_to is distinct from there.valid_to
group by 1
{%- endmacro %}
