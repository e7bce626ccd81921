-- The rules of cleaning.py in DuckDB's SQL, for files that outgrow pandas. tests/test_engines_agree.py holds the two together.
-- Reads `chunk` (one text column a column of the input contract, blanks and missing marks gone, and `row`); gives one typed row for each, and in `broken`
-- the first rule that it broke as `column:rule`. What contract checks add is not here.
-- trim names the blank: alone it would take off every kind of blank that Unicode knows.
with parts as (
    select
        *,
        regexp_extract(
            "Launch_Date",
            '^([0-9]{4}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{1,2})(?: ([0-9]{2})([0-9]{2})(?::([0-9]{2}))?)? ?(\?)?$',
            ['year', 'month', 'day', 'hour', 'minute', 'second', 'doubt']
        ) as d,
        nullif(case when contains("Site", ',') then trim(split_part("Site", ',', 1), ' ') end, '') as platform,
        case when contains("Site", ',') then substr("Site", strpos("Site", ',') + 1) else "Site" end as place
    from chunk
),

places as (
    select
        *,
        try_cast(d.year || '-' || list_position(['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'], d.month)
            || '-' || d.day as date) as launch_day,
        coalesce(try_cast(d.hour as integer), 0)   as hours,
        coalesce(try_cast(d.minute as integer), 0) as minutes,
        coalesce(try_cast(d.second as integer), 0) as seconds,
        case when contains(place, '->') then trim(regexp_extract(place, '(?s)^.*->(.*)$', 1), ' ') end as zone_text,
        trim(case when contains(place, '->') then regexp_extract(place, '(?s)^(.*)->.*$', 1) else place end, ' ') as spot
    from parts
)

select
    "row",
    "Launch" as launch_id,
    (launch_day + to_seconds(hours * 3600 + minutes * 60 + seconds)) at time zone 'UTC' as launched_at,
    case when d.second != '' then 'second' when d.hour != '' then 'minute' else 'day' end as launched_at_precision,
    d.doubt = '?' as is_launched_at_doubtful,
    "COSPAR" as cospar_id,
    "PL_Name" as payload_name,
    "Orig_PL_Name" as original_payload_name,
    "SATCAT" as satcat_id,
    "LV_Type" as vehicle,
    sure("LV_SN") as serial,
    coalesce("LV_SN" like '%?', false) as is_serial_doubtful,
    platform,
    sure(split_part(spot, ' ', 1)) as site,
    sure(case when contains(spot, ' ') then substr(spot, strpos(spot, ' ') + 1) end) as pad,
    sure(zone_text) as drop_zone,
    coalesce(spot like '%?' or split_part(spot, ' ', 1) like '%?' or zone_text like '%?', false) as is_site_doubtful,
    case "Suc" when 'S' then 'success' when 'F' then 'failure' end as outcome,
    "Ref" as reference,
    case
        when "Launch" is null then 'launch_id:launch_id_missing'
        when regexp_matches("Launch", '{invisible}') then 'launch_id:launch_id_has_invisible_characters'
        when "Launch_Date" is null then 'launched_at:launch_date_missing'
        when d.year = '' then 'launched_at:launch_date_form'
        when launch_day is null or minutes > 59 or seconds > 60 or hours > 24 or (hours = 24 and minutes + seconds > 0)
            then 'launched_at:launch_date_impossible'
        when "LV_Type" is null then 'vehicle:vehicle_missing'
        when sure(split_part(spot, ' ', 1)) is null then 'site:site_missing'
        when "Suc" is null then 'outcome:outcome_missing'
        when "Suc" not in ('S', 'F') then 'outcome:outcome_unknown'
    end as broken
from places
