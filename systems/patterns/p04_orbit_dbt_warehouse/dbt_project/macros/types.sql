{# Types whose names differ from engine to engine. The contracts in the YAML files spell them the same way. #}

{% macro type_double() %}{{ return(adapter.dispatch('type_double', 'p04_orbit')()) }}{% endmacro %}

{% macro default__type_double() %}double{% endmacro %}

{% macro bigquery__type_double() %}float64{% endmacro %}


{# A moment of UTC without a zone: no session setting may move it. #}
{% macro type_utc() %}{{ return(adapter.dispatch('type_utc', 'p04_orbit')()) }}{% endmacro %}

{% macro default__type_utc() %}timestamp{% endmacro %}

{% macro snowflake__type_utc() %}timestamp_ntz{% endmacro %}

{% macro bigquery__type_utc() %}datetime{% endmacro %}
