{# The number a text stands for, or null where it stands for none: digits with an optional sign, point and exponent of
   at most three digits, finite as a double. Not nan, inf, 1_000, 0x10, nor anything with a blank or tab around it. #}
{% macro to_number(text) %}{{ return(adapter.dispatch('to_number', 'p04_orbit')(text)) }}{% endmacro %}

{% macro number_pattern() -%}
    [+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,3})?
{%- endmacro %}

{% macro largest_double() %}1.7976931348623157e308{% endmacro %}

{% macro default__to_number(text) -%}
    case
        when {{ matches(text, number_pattern()) }}
            and abs(try_to_double({{ text }})) <= {{ largest_double() }}
            then try_to_double({{ text }})
    end
{%- endmacro %}

{# try_cast is much faster than the pattern, and takes more: underscores, blanks at the ends, a second sign after a
   plus, long exponents, names. What could hide one of these goes the slow way; an overflow casts to inf. #}
{% macro duckdb__to_number(text) -%}
    case
        when {{ text }} >= '-' and {{ text }} < ':' and {{ text }}[-1] >= '.'
            and not contains({{ text }}, '_') and not contains({{ text }}, 'e') and not contains({{ text }}, 'E')
            and isfinite(try_cast({{ text }} as double))
            then try_cast({{ text }} as double)
        when {{ matches(text, number_pattern()) }} and isfinite(try_cast({{ text }} as double))
            then try_cast({{ text }} as double)
    end
{%- endmacro %}

{% macro bigquery__to_number(text) -%}
    case
        when {{ matches(text, number_pattern()) }}
            and abs(safe_cast({{ text }} as float64)) <= {{ largest_double() }}
            then safe_cast({{ text }} as float64)
    end
{%- endmacro %}


{# A double, so that an engine whose whole numbers divide as decimals does not cut digits off. #}
{% macro as_double(expression) -%}
    cast({{ expression }} as {{ type_double() }})
{%- endmacro %}


{# The median in two steps, since BigQuery has no aggregate for it: median_state where the rows are grouped,
   median_of_state in a later select. #}
{% macro median_state(expression) %}
    {{- return(adapter.dispatch('median_state', 'p04_orbit')(expression)) -}}
{% endmacro %}

{% macro default__median_state(expression) -%}
    median({{ expression }})
{%- endmacro %}

{% macro bigquery__median_state(expression) -%}
    array_agg({{ expression }} ignore nulls order by {{ expression }})
{%- endmacro %}

{% macro median_of_state(state) %}
    {{- return(adapter.dispatch('median_of_state', 'p04_orbit')(state)) -}}
{% endmacro %}

{% macro default__median_of_state(state) -%}
    {{ state }}
{%- endmacro %}

{% macro bigquery__median_of_state(state) -%}
    (
        select avg(value)
        from unnest({{ state }}) as value with offset as place
        where place in (div(array_length({{ state }}) - 1, 2), div(array_length({{ state }}), 2))
    )
{%- endmacro %}
