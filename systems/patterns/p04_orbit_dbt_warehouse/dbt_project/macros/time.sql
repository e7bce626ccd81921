{# Days are counted as Modified Julian Dates; JD = MJD + 2400000.5. Day 0 is 1858-11-17, day 40587 is 1970-01-01. #}

{# Null before year 1, which not every engine has a date for. #}
{% macro mjd_to_date(mjd) -%}
    case
        when {{ mjd }} >= -678575
            then cast({{ dbt.dateadd('day', mjd, "cast('1858-11-17' as date)") }} as date)
    end
{%- endmacro %}

{% macro date_to_mjd(day) -%}
    {{ dbt.datediff("cast('1858-11-17' as date)", day, 'day') }}
{%- endmacro %}

{# A number of days or seconds to the nearest whole one, halves up (round() is not the same everywhere below zero). #}
{% macro round_half_up(expression) -%}
    cast(floor({{ expression }} + 0.5) as {{ dbt.type_bigint() }})
{%- endmacro %}

{# Seconds from 1970 on, whole and possibly negative, as a moment. #}
{% macro epoch_second_to_utc(second) %}
    {{- return(adapter.dispatch('epoch_second_to_utc', 'p04_orbit')(second)) -}}
{% endmacro %}

{% macro default__epoch_second_to_utc(second) -%}
    cast({{ dbt.dateadd('second', second, "cast('1970-01-01 00:00:00' as " ~ type_utc() ~ ")") }} as {{ type_utc() }})
{%- endmacro %}

{# An interval of seconds reaches 68 years only. #}
{% macro duckdb__epoch_second_to_utc(second) -%}
    make_timestamp({{ second }} * 1000000)
{%- endmacro %}

{# The whole second of a Julian day. 2440587.5 is 1970-01-01, 0h. #}
{% macro julian_day_to_utc(jd) -%}
    {{ epoch_second_to_utc(round_half_up('(' ~ jd ~ ' - 2440587.5) * 86400.0')) }}
{%- endmacro %}

{# The day as YYYY-MM-DD. #}
{% macro day_text(day) %}{{ return(adapter.dispatch('day_text', 'p04_orbit')(day)) }}{% endmacro %}

{% macro default__day_text(day) -%}
    to_char({{ day }}, 'YYYY-MM-DD')
{%- endmacro %}

{% macro duckdb__day_text(day) -%}
    strftime({{ day }}, '%Y-%m-%d')
{%- endmacro %}

{% macro bigquery__day_text(day) -%}
    format_date('%Y-%m-%d', {{ day }})
{%- endmacro %}


{# The day somebody fixed in the environment, as SQL; null where nobody did. #}
{% macro fixed_as_of() -%}
    {%- set day = env_var('ORBIT_AS_OF', '') | trim -%}
    {%- if not day -%}
        cast(null as date)
    {%- elif modules.re.match('[0-9]{4}-[0-9]{2}-[0-9]{2}$', day) -%}
        cast('{{ day }}' as date)
    {%- else -%}
        {{ exceptions.raise_compiler_error("ORBIT_AS_OF must be a day like 2022-08-09, not '" ~ day ~ "'") }}
    {%- endif -%}
{%- endmacro %}

{# Where the days begin that this build replaces. Before there is a body there is no as_of, and no window to close. #}
{% macro window_begin() -%}
    (
        select coalesce({{ 'late_from' if is_incremental() else 'full_from' }}, cast('0001-01-01' as date))
        from {{ ref('int_as_of') }}
    )
{%- endmacro %}
