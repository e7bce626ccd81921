-- The rules of cleaning.py in DuckDB's SQL, for files that outgrow pandas. tests/claims/test_engines.py holds the two together.
-- Reads `chunk`: one text column a column of the input contract (blanks that are layout gone, marks for missing null) and `row`.
-- Gives one typed row for each, and in `broken` the first rule that it broke as `column:rule`. What contract checks add is not here.
-- The form is matched once; what has it is plain ASCII with its parts at known places, which is faster to cut than to capture.
-- trim names the blank: alone it would take off every kind of blank that Unicode knows.
with forms as (
    select
        *,
        coalesce(regexp_full_match(
            "Launch_Date",
            '[0-9]{4} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{1,2}( [0-9]{4}(:[0-9]{2})?)? ?\??'
        ), false) as is_date,
        strpos("Site", ',') as comma
    from chunk
),

parts as (
    select
        *,
        case when is_date then case when suffix("Launch_Date", '?') then rtrim("Launch_Date", '? ') else "Launch_Date" end end as stem,
        case when comma > 0 then nullif(trim(left("Site", comma - 1), ' '), '') end as platform,
        case when comma > 0 then trim(substr("Site", comma + 1), ' ') else "Site" end as place
    from forms
),

lengths as (
    -- "1957 Oct 4", "1957 Oct 4 0505" and "1957 Oct 4 0505:06" are 10, 15 and 18 long, and one more with a day of two digits
    select
        *,
        strlen(stem) as length,
        case when length in (10, 15, 18) then 1 else 2 end as day_digits,
        case when contains(place, '->') then trim(regexp_extract(place, '(?s)^(.*)->.*$', 1), ' ') else place end as spot,
        case when contains(place, '->') then trim(regexp_extract(place, '(?s)^.*->(.*)$', 1), ' ') end as zone_text
    from parts
),

numbers as (
    select
        *,
        cast(left(stem, 4) as bigint) as year,
        (strpos('JanFebMarAprMayJunJulAugSepOctNovDec', substr(stem, 6, 3)) + 2) // 3 as month,
        cast(substr(stem, 10, day_digits) as integer) as day,
        case when length >= 15 then cast(substr(stem, 11 + day_digits, 4) as bigint) else 0 end as clock,
        case when length >= 18 then cast(right(stem, 2) as bigint) else 0 end as second,
        strpos(spot, ' ') as gap
    from lengths
),

moments as (
    select
        *,
        make_date(year, month, 1) + (day - 1) as launch_day,  -- the 30th of February lands in March
        (clock // 100) * 3600 + (clock % 100) * 60 + second as seconds,
        case when gap > 0 then left(spot, gap - 1) else spot end as site_text,
        case when gap > 0 then substr(spot, gap + 1) end as pad_text
    from numbers
),

judged as (
    select
        *,
        sure(site_text) as launch_site,
        is_date and year > 0 and day > 0 and month(launch_day) = month
            and clock % 100 < 60 and second <= 60 and (clock < 2400 or seconds = 86400) as is_possible
    from moments
)

select
    "row",
    "Launch" as launch_id,
    case when is_possible then make_timestamptz(epoch_us(launch_day) + seconds * 1000000) end as launched_at,
    case when length >= 18 then 'second' when length >= 15 then 'minute' else 'day' end as launched_at_precision,
    coalesce(suffix("Launch_Date", '?'), false) as is_launched_at_doubtful,
    "COSPAR" as cospar_id,
    "PL_Name" as payload_name,
    "Orig_PL_Name" as original_payload_name,
    "SATCAT" as satcat_id,
    "LV_Type" as vehicle,
    sure("LV_SN") as serial,
    coalesce(suffix("LV_SN", '?'), false) as is_serial_doubtful,
    platform,
    launch_site as site,
    sure(pad_text) as pad,
    sure(zone_text) as drop_zone,
    coalesce(suffix(site_text, '?') or suffix(pad_text, '?') or suffix(zone_text, '?'), false) as is_site_doubtful,
    case "Suc" when 'S' then 'success' when 'F' then 'failure' end as outcome,
    "Ref" as reference,
    case
        when "Launch" is null then 'launch_id:launch_id_missing'
        when regexp_matches("Launch", '{invisible}') then 'launch_id:launch_id_has_invisible_characters'
        when "Launch_Date" is null then 'launched_at:launch_date_missing'
        when not is_date then 'launched_at:launch_date_form'
        when not is_possible then 'launched_at:launch_date_impossible'
        when "LV_Type" is null then 'vehicle:vehicle_missing'
        when launch_site is null then 'site:site_missing'
        when "Suc" is null then 'outcome:outcome_missing'
        when "Suc" not in ('S', 'F') then 'outcome:outcome_unknown'
    end as broken
from judged
