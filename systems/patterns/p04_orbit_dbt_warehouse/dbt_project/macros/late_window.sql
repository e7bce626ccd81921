{# The incremental strategy `late_window`: what lies on or after the window's beginning is replaced, what lies before
   it is never touched. Neither merge nor delete+insert does this: both leave a row that is no longer there.
   dbt finds the macro by its name. The model must ref int_as_of and have a column approached_on. #}
{% macro get_incremental_late_window_sql(arg_dict) %}
    {{ return(adapter.dispatch('late_window_sql', 'p04_orbit')(arg_dict)) }}
{% endmacro %}

{% macro late_window_dml(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where approached_on >= {{ window_begin() }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{%- endmacro %}

{# The adapter has opened a transaction already. #}
{% macro default__late_window_sql(arg_dict) %}
    {{ return(late_window_dml(arg_dict)) }}
{% endmacro %}

{% macro snowflake__late_window_sql(arg_dict) %}
    {{ return(snowflake_dml_explicit_transaction(late_window_dml(arg_dict))) }}
{% endmacro %}

{% macro bigquery__late_window_sql(arg_dict) %}
    {% set script -%}
        begin transaction;
        {{ late_window_dml(arg_dict) }};
        commit transaction;
    {%- endset %}
    {{ return(script) }}
{% endmacro %}


{# dbt-bigquery does not look strategies up by name; it checks a fixed list and builds the statement itself. A project's
   macros come before an adapter's, so these two let late_window through and leave every other strategy as it is. #}
{% macro dbt_bigquery_validate_get_incremental_strategy(config) %}
    {%- if config.get('incremental_strategy') == 'late_window' -%}
        {{ return('late_window') }}
    {%- endif -%}
    {{ return(dbt.dbt_bigquery_validate_get_incremental_strategy(config)) }}
{% endmacro %}

{% macro bq_generate_incremental_build_sql(
    strategy, tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns,
    tmp_relation_exists, copy_partitions, incremental_predicates
) %}
    {%- if strategy == 'late_window' -%}
        {{ return(get_incremental_late_window_sql({
            'target_relation': target_relation,
            'temp_relation': tmp_relation,
            'dest_columns': dest_columns,
        })) }}
    {%- endif -%}
    {{ return(dbt.bq_generate_incremental_build_sql(
        strategy, tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns,
        tmp_relation_exists, copy_partitions, incremental_predicates
    )) }}
{% endmacro %}
