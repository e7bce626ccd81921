{# A schema is named as it is written: what one system makes begins with its own name already. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

{# What each model of a run's batch does first; sql/raw.sql says why. #}
{% macro hold_the_batch() -%}
    {%- if env_var('NEBULA_BATCH', '') -%}
    select p07_nebula_raw.hold_the_batch()
    {%- endif -%}
{%- endmacro %}
