{# The versions of some keys as they will be once this batch is published, for a join at a point in time:

       left join (as_it_will_be(...)) as customers
           on lines.customer_id = customers.customer_id and (valid_at('customers', 'lines.ordered_at'))

   Args: member: customer or product. keys: a relation that has every key that is asked for. #}
{% macro as_it_will_be(member, keys) -%}
{%- set key, columns = member ~ '_id', [member ~ '_id', member ~ '_key', 'valid_from', 'valid_to'] | join(', ') -%}
(
    select {{ columns }}
    from {{ ref('dim_' ~ member) }}
    {%- if not is_everything() %}
    union all
    select {{ columns }}
    from {{ source('published', 'dim_' ~ member) }} as there
    where
        {{ key }} in (select {{ key }} from {{ keys }})
        and valid_from > '-infinity'  -- no member, whatever a key is called
        and not exists (select 1 from {{ ref('int_' ~ member ~ 's_touched') }} as touched where touched.{{ key }} = there.{{ key }})
    {%- endif %}
)
{%- endmacro %}

{# Half-open: at the instant of a change the new version is valid. #}
{% macro valid_at(versions, instant) -%}
    {{ versions }}.valid_from <= {{ instant }} and {{ instant }} < {{ versions }}.valid_to
{%- endmacro %}

{# A day as a key of dim_date; -1 where there is none yet. #}
{% macro date_key(instant) -%}
    coalesce(to_char({{ instant }} at time zone 'UTC', 'YYYYMMDD')::integer, -1)
{%- endmacro %}

{# Codes of promotions in one order, each once. #}
{% macro promotion_codes(told) -%}
    (select string_agg(distinct code collate "C", '|' order by code collate "C") from unnest(string_to_array({{ told }}, '|')) as codes (code))
{%- endmacro %}
