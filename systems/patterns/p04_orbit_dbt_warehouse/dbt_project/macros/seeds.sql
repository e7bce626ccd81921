{# dbt-duckdb writes a seed's path into its COPY as it is, and an apostrophe in a folder's name breaks that. #}
{% macro duckdb__load_csv_rows(model, agate_table) %}
    {% set path = adapter.get_seed_file_path(model) | replace("'", "''") %}
    {% set sql = "copy " ~ this ~ " from '" ~ path ~ "' (format csv, header)" %}
    {% do adapter.add_query(sql, abridge_sql_log=True) %}
    {{ return(sql) }}
{% endmacro %}
