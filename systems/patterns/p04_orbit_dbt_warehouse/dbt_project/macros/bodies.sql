{# The group of a near-Earth asteroid by its orbit's size; null for an open orbit. #}
{% macro neo_group(semi_major_axis, perihelion, aphelion) -%}
    case
        when {{ semi_major_axis }} is null then null
        when {{ aphelion }} < 0.983 then 'Atira'
        when {{ semi_major_axis }} < 1.0 then 'Aten'
        when {{ perihelion }} < 1.017 then 'Apollo'
        when {{ perihelion }} < 1.3 then 'Amor'
    end
{%- endmacro %}

{# An asteroid's class from its elements alone. #}
{% macro asteroid_class(eccentricity, semi_major_axis, perihelion, aphelion) -%}
    case
        when {{ eccentricity }} > 1 then 'HYA'
        when {{ eccentricity }} = 1 then 'PAA'
        when {{ aphelion }} < 0.983 then 'IEO'
        when {{ semi_major_axis }} < 1.0 then 'ATE'
        when {{ perihelion }} < 1.017 then 'APO'
        when {{ perihelion }} < 1.3 then 'AMO'
        when {{ perihelion }} < 1.666 and {{ semi_major_axis }} < 3.2 then 'MCA'
        when {{ semi_major_axis }} < 2.0 then 'IMB'
        when {{ semi_major_axis }} < 3.2 then 'MBA'
        when {{ semi_major_axis }} < 4.6 then 'OMB'
        when {{ semi_major_axis }} < 5.5 and {{ eccentricity }} < 0.3 then 'TJN'
        when {{ semi_major_axis }} > 5.5 and {{ semi_major_axis }} < 30.1 then 'CEN'
        when {{ semi_major_axis }} > 30.1 then 'TNO'
        else 'AST'
    end
{%- endmacro %}

{# How far from the Earth's distance (1 au) an orbit crosses the ecliptic, at the nearer of its nodes. An open orbit may
   have one node only; there is always one. #}
{% macro nodal_distance(perihelion, eccentricity, argument_deg) -%}
    {%- set latus = perihelion ~ ' * (1 + ' ~ eccentricity ~ ')' -%}
    {%- set cosine = eccentricity ~ ' * cos(' ~ argument_deg ~ ' * ' ~ radian() ~ ')' -%}
    {%- set ascending = 'abs(' ~ latus ~ ' / (1 + ' ~ cosine ~ ') - 1)' -%}
    {%- set descending = 'abs(' ~ latus ~ ' / (1 - ' ~ cosine ~ ') - 1)' -%}
    case
        when 1 + {{ cosine }} <= 0 then {{ descending }}
        when 1 - {{ cosine }} <= 0 then {{ ascending }}
        else least({{ ascending }}, {{ descending }})
    end
{%- endmacro %}

{# Diameter in km from the absolute magnitude and an albedo. #}
{% macro size_from_magnitude(magnitude, albedo) -%}
    1329.0 / sqrt({{ albedo }}) * power(10.0, -{{ magnitude }} / 5.0)
{%- endmacro %}
