{# The key of an approach: readable, and the same in every build. #}
{% macro close_approach_id(designation, origin, day) -%}
    {{ designation }} || '|{{ origin }}|' || {{ day_text(day) }}
{%- endmacro %}

{# The columns of fct_close_approaches from one of the two relations that have approaches. #}
{% macro approach_columns(relation, bodies) -%}
{{ relation }}.close_approach_id,
        {{ relation }}.designation,
        {{ relation }}.origin,
        {{ relation }}.approached_at,
        {{ relation }}.approached_on,
        {{ relation }}.distance_au,
        {{ relation }}.distance_au * {{ km_per_au() }} as distance_km,
        {{ relation }}.distance_au * {{ km_per_au() }} / 384400.0 as distance_ld,
        {{ relation }}.speed_km_s,
        {{ relation }}.orbit_id,
        {{ relation }}.epoch_mjd,
        {{ relation }}.days_from_epoch,
        {{ bodies }}.designation is not null as is_known_body,
        {{ relation }}.file_id
{%- endmacro %}

{# As a double: a decimal of so many digits would make a decimal of every product with a whole number. #}
{% macro km_per_au() %}1.495978707e8{% endmacro %}
