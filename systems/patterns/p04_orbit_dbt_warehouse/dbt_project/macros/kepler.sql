{# Kepler's equation, as CTEs: from the relation `name` with the columns mean_anomaly (radians) and eccentricity to
   `name`_solved, which has all its columns and eccentric_anomaly.
   Twelve Newton steps from a start that converges for every ellipse are a fixed amount of work a row, so an engine can
   do them column by column; a loop that ends when it is precise enough could not be written in plain SQL. #}
{% macro kepler_ctes(name, steps=12) %}
{{ name }}_step_0 as (

    select
        source.*,
        mean_anomaly + 0.85 * eccentricity * sign(sin(mean_anomaly)) as anomaly_0
    from {{ name }} as source

),

{% for step in range(1, steps + 1) -%}
{%- set guess = 'anomaly_' ~ (step - 1) -%}
{{ name }}_step_{{ step }} as (

    select
        source.*,
        {{ guess }} - ({{ guess }} - eccentricity * sin({{ guess }}) - mean_anomaly)
        / (1.0 - eccentricity * cos({{ guess }})) as anomaly_{{ step }}
    from {{ name }}_step_{{ step - 1 }} as source

),

{% endfor -%}
{{ name }}_solved as (

    select
        source.*,
        anomaly_{{ steps }} as eccentric_anomaly
    from {{ name }}_step_{{ steps }} as source

)
{%- endmacro %}

{# An angle in degrees to radians between -pi and pi. #}
{% macro reduced_radians(degrees) -%}
    ({{ degrees }} - 360.0 * floor(({{ degrees }} + 180.0) / 360.0)) * {{ radian() }}
{%- endmacro %}

{# One degree in radians, as a double. #}
{% macro radian() %}1.7453292519943295e-2{% endmacro %}
