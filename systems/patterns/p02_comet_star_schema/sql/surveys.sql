-- Which survey a designation names; the list is data/surveys.csv. A facility that a file names is taken as it says.
create temporary table listed_surveys (prefix text, facility text, kind text) on commit drop;
\copy listed_surveys from 'surveys.csv' with (format csv, header)
insert into p02_comet_operational.facility as known (name, kind) select distinct facility, kind from listed_surveys
on conflict (name) do update set kind = excluded.kind where known.kind <> excluded.kind;
insert into p02_comet_operational.survey as known (prefix, facility_id)
select prefix, facility_id from listed_surveys l join p02_comet_operational.facility f on f.name = l.facility
on conflict (prefix) do update set facility_id = excluded.facility_id where known.facility_id <> excluded.facility_id;
