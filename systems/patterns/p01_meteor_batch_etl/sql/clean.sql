-- The rules of cleaning.py in DuckDB's SQL, for files that outgrow pandas. tests/test_engines_agree.py holds the two together.
-- Reads `chunk` (one text column a column of the input contract, and `row`); gives one typed row for each, and in `broken`
-- the first rule that it broke as `column:rule`. What contract checks add is not here.
with tidy as (           -- blanks and tabs are layout: none at the ends, one inside; '' and '-' are missing
    select
        "row",
        tidy("Launch")       as launch_id,
        tidy("Launch_Date")  as launch_date,
        tidy("COSPAR")       as cospar_id,
        tidy("PL_Name")      as payload_name,
        tidy("Orig_PL_Name") as original_payload_name,
        tidy("SATCAT")       as satcat_id,
        tidy("LV_Type")      as vehicle,
        tidy("LV_SN")        as serial,
        tidy("Site")         as site_text,
        tidy("Suc")          as suc,
        tidy("Ref")          as reference
    from chunk
),

parts as (
    select
        *,
        regexp_extract(
            launch_date,
            '^([0-9]{4}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{1,2})(?: ([0-9]{2})([0-9]{2})(?::([0-9]{2}))?)? ?(\?)?$',
            ['year', 'month', 'day', 'hour', 'minute', 'second', 'doubt']
        ) as d,
        nullif(case when contains(site_text, ',') then trim(split_part(site_text, ',', 1)) end, '') as platform,
        case when contains(site_text, ',') then substr(site_text, strpos(site_text, ',') + 1) else site_text end as place
    from tidy
),

places as (
    select
        *,
        try_cast(d.year || '-' || list_position(['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'], d.month)
            || '-' || d.day as date) as launch_day,
        coalesce(try_cast(d.hour as integer), 0)   as hours,
        coalesce(try_cast(d.minute as integer), 0) as minutes,
        coalesce(try_cast(d.second as integer), 0) as seconds,
        case when contains(place, '->') then trim(regexp_extract(place, '(?s)^.*->(.*)$', 1)) end as zone_text,
        trim(case when contains(place, '->') then regexp_extract(place, '(?s)^(.*)->.*$', 1) else place end) as spot
    from parts
)

select
    "row",
    launch_id,
    (launch_day + to_seconds(hours * 3600 + minutes * 60 + seconds)) at time zone 'UTC' as launched_at,
    case when d.second != '' then 'second' when d.hour != '' then 'minute' else 'day' end as launched_at_precision,
    d.doubt = '?' as is_launched_at_doubtful,
    cospar_id,
    payload_name,
    original_payload_name,
    satcat_id,
    vehicle,
    sure(serial) as serial,
    coalesce(serial like '%?', false) as is_serial_doubtful,
    platform,
    sure(split_part(spot, ' ', 1)) as site,
    sure(case when contains(spot, ' ') then substr(spot, strpos(spot, ' ') + 1) end) as pad,
    sure(zone_text) as drop_zone,
    coalesce(spot like '%?' or split_part(spot, ' ', 1) like '%?' or zone_text like '%?', false) as is_site_doubtful,
    case suc when 'S' then 'success' when 'F' then 'failure' end as outcome,
    reference,
    case
        when launch_id is null then 'launch_id:launch_id_missing'
        when regexp_matches(launch_id, '{invisible}') then 'launch_id:launch_id_has_invisible_characters'
        when launch_date is null then 'launched_at:launch_date_missing'
        when d.year = '' then 'launched_at:launch_date_form'
        when launch_day is null or minutes > 59 or seconds > 60 or hours > 24 or (hours = 24 and minutes + seconds > 0)
            then 'launched_at:launch_date_impossible'
        when vehicle is null then 'vehicle:vehicle_missing'
        when sure(split_part(spot, ' ', 1)) is null then 'site:site_missing'
        when suc is null then 'outcome:outcome_missing'
        when suc not in ('S', 'F') then 'outcome:outcome_unknown'
    end as broken
from places
