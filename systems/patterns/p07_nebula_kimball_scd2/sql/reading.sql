-- DuckDB: how the texts of a delivery are read; null where they do not read so (reading.py says which rule that breaks)

-- 2024-01-31 alone, or with T or a blank, hh:mm[:ss[.ffffff]] and Z, ±hh, ±hhmm or ±hh:mm
create macro parts(x) as regexp_extract(
    x,
    '^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.]([0-9]{1,6}))?)?'
        || '(?:Z|([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9]))?))?$',
    ['day', 'hour', 'minute', 'second', 'part', 'sign', 'off_hours', 'off_minutes']
);

create macro minutes_off(p) as if(p.sign = '-', -1, 1)
    * (coalesce(try_cast(p.off_hours as integer), 0) * 60 + coalesce(try_cast(p.off_minutes as integer), 0));

create macro local_time(p) as try_cast(
    p.day || ' ' || lpad(p.hour, 2, '0') || ':' || lpad(p.minute, 2, '0') || ':' || lpad(p.second, 2, '0')
        || '.' || rpad(p.part, 6, '0') as timestamp
);

create macro instant(x) as case
    when parts(x).day <> '' then timezone('UTC', local_time(parts(x)) - to_minutes(minutes_off(parts(x))))
end;

create macro day(x) as case when regexp_full_match(x, '[0-9]{4}-[0-9]{2}-[0-9]{2}') then try_cast(x as date) end;

create macro whole(x) as try_cast(
    regexp_extract(x, '^([+-]?)0*([0-9]{1,19})$', 1) || regexp_extract(x, '^([+-]?)0*([0-9]{1,19})$', 2) as hugeint
);

-- an amount is never rounded: digits behind the second decimal must be zeros
create macro before_point(x) as ltrim(regexp_extract(x, '^[+-]?([0-9]*)', 1), '0');

create macro behind_point(x) as rtrim(regexp_extract(x, '[.]([0-9]*)$', 1), '0');

create macro money(x) as case
    when length(before_point(x)) <= 12 and length(behind_point(x)) <= 2
        and (x[1] <> '-' or before_point(x) || behind_point(x) = '')
        then try_cast('0' || before_point(x) || '.' || rpad(behind_point(x), 2, '0') as decimal(14, 2))
end;
