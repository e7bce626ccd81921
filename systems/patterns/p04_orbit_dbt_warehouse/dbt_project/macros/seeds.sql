{# dbt-duckdb writes a seed's path into a COPY as it is, so that an apostrophe in a folder's name breaks it; this is
   dbt's own way, which binds the values. #}
{% macro duckdb__load_csv_rows(model, agate_table) %}
    {{ return(default__load_csv_rows(model, agate_table)) }}
{% endmacro %}
