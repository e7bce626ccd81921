{# The designation in a full name without runs of blanks, null where there is none:
   '1 Ceres (A801 AA)' -> '1'; '(2022 OH10)' -> '2022 OH10'; '1P/Halley' -> '1P'; '73P/Schwassmann-Wachmann 3-AA' ->
   '73P-AA'; 'P/2013 R3-A (Catalina-PANSTARRS)' -> '2013 R3-A'. A name's first character tells which form to try. #}
{% macro designation_of(name) -%}
    case
        when {{ name }} like '(%' then {{ capture(name, '[(]([^()]+)[)]') }}
        when {{ name }} < ':' then coalesce(
            {{ capture(name, '([1-9][0-9]*) .+') }},
            {{ capture(name, '([1-9][0-9]*[PDCXAI])(/.*)?') }}
            || coalesce({{ capture(name, '[^/]*/.*(-[A-Z]{1,2}[0-9]?)') }}, '')
        )
        else {{ capture(name, '[PDCXAI]/(-?[0-9]+ [A-Z]+[0-9]*(-[A-Z]{1,2}[0-9]?)?)( [(].*[)])?') }}
    end
{%- endmacro %}
