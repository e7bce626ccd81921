{# A pattern here must be understood by every engine: no (?:…), no lazy stars, no backslash (their string literals
   differ in what a backslash means): a dot is [.] and a bracket [(]. #}

{# Text without blanks at its ends; nothing left is null. Only U+0020 counts as a blank. #}
{% macro clean(text) %}{{ return(adapter.dispatch('clean', 'p04_orbit')(text)) }}{% endmacro %}

{% macro default__clean(text) -%}
    nullif(trim({{ text }}, ' '), '')
{%- endmacro %}

{# Most values have no blank at an end; looking first is several times faster than trimming. #}
{% macro duckdb__clean(text) -%}
    nullif(case
        when starts_with({{ text }}, ' ') or ends_with({{ text }}, ' ') then trim({{ text }}, ' ')
        else {{ text }}
    end, '')
{%- endmacro %}


{# Runs of blanks as one blank. #}
{% macro collapse_blanks(text) %}{{ return(adapter.dispatch('collapse_blanks', 'p04_orbit')(text)) }}{% endmacro %}

{% macro default__collapse_blanks(text) -%}
    case when {{ text }} like '%  %' then regexp_replace({{ text }}, ' +', ' ') else {{ text }} end
{%- endmacro %}

{% macro duckdb__collapse_blanks(text) -%}
    case when contains({{ text }}, '  ') then regexp_replace({{ text }}, ' +', ' ', 'g') else {{ text }} end
{%- endmacro %}


{# Does the whole text match? The pattern is written without anchors. #}
{% macro matches(text, pattern) %}
    {{- return(adapter.dispatch('matches', 'p04_orbit')(text, pattern)) -}}
{% endmacro %}

{% macro default__matches(text, pattern) -%}
    regexp_like({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro duckdb__matches(text, pattern) -%}
    regexp_full_match({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro bigquery__matches(text, pattern) -%}
    regexp_contains({{ text }}, r'^({{ pattern }})$')
{%- endmacro %}


{# What the given group of a pattern for the whole text holds; null where the text does not match. #}
{% macro capture(text, pattern, group=1) %}
    {{- return(adapter.dispatch('capture', 'p04_orbit')(text, pattern, group)) -}}
{% endmacro %}

{% macro default__capture(text, pattern, group) -%}
    regexp_substr({{ text }}, '^{{ pattern }}$', 1, 1, 'e', {{ group }})
{%- endmacro %}

{% macro duckdb__capture(text, pattern, group) -%}
    nullif(regexp_extract({{ text }}, '^{{ pattern }}$', {{ group }}), '')
{%- endmacro %}

{# BigQuery's regexp_extract allows one group only. #}
{% macro bigquery__capture(text, pattern, group) -%}
    case
        when regexp_contains({{ text }}, r'^{{ pattern }}$')
            then nullif(regexp_replace({{ text }}, r'^{{ pattern }}$', r'\{{ group }}'), '')
    end
{%- endmacro %}
