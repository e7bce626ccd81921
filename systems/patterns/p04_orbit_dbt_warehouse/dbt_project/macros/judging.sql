{# Pieces of the long `case` that finds the first rule a row breaks. A verdict is 'rule:column', so that one pass gives
   both; split_verdict takes it apart. Conditions are false, not true, where a value is null. #}

{% macro not_a_number_rules(columns) %}
{%- for column in columns %}
            when {{ column }} is not null and {{ column }}_number is null then 'not_a_number:{{ column }}'
{%- endfor %}
{%- endmacro %}

{% macro missing_rules(columns) %}
{%- for column in columns %}
            when {{ column }} is null then 'missing:{{ column }}'
{%- endfor %}
{%- endmacro %}

{# allowed: pairs of a column and the condition its number must keep, with {} for the number. #}
{% macro out_of_range_rules(allowed) %}
{%- for column, condition in allowed %}
            when not ({{ condition | replace('{}', column ~ '_number') }}) then 'out_of_range:{{ column }}'
{%- endfor %}
{%- endmacro %}

{% macro split_verdict(verdict, part) -%}
    {{ dbt.split_part(verdict, "':'", part) }}
{%- endmacro %}


{# What a rule means, for a person who reads about a refused row. #}
{% macro rule_message(rule, column) -%}
case {{ rule }}
            when 'not_a_row' then 'The record is not an array.'
            when 'ragged_row' then 'The record has not as many values as there are fields.'
            when 'bad_character' then 'The record holds a character that no text may hold.'
            when 'field_count' then 'The record has not as many fields as the header.'
            when 'quote_misplaced' then 'A quote stands inside an unquoted field, or text behind a closing one.'
            when 'nul_byte' then 'The record holds a NUL byte, which no text can hold.'
            when 'bom_inside' then 'The record begins with a byte-order mark: two files in one?'
            when 'field_too_long' then 'A field of the record is longer than a field may be.'
            when 'header_repeated' then 'The record is the header again: two files in one?'
            when 'form' then {{ column }} || ' is not written as the mapping says.'
            when 'no_designation' then 'The record does not say which body it is about.'
            when 'designation_form' then 'No designation can be read from full_name.'
            when 'not_a_number' then {{ column }} || ' is not a number.'
            when 'missing' then {{ column }} || ' is missing.'
            when 'out_of_range' then {{ column }} || ' is out of its range.'
            when 'extent_form' then 'extent is not two or three numbers with an x between them.'
            when 'elements_disagree' then 'q is not a (1 - e).'
            when 'unknown_class' then 'class is not one of the classes of JPL.'
            when 'unknown_flag' then 'neo is neither Y nor N.'
            when 'duplicate_designation' then 'Another record of the same file has the same designation.'
            when 'epoch_moved_back' then 'An earlier file has elements of a later epoch for this body.'
            when 'duplicate_approach' then 'Another record of the same file has the same body and day.'
            else case
                when {{ rule }} like 'not_%' then 'The record is no text of the encoding that its file has.'
                else 'Refused: ' || {{ rule }}
            end
        end
{%- endmacro %}
