-- The contents that are in already, with their names; and whether it is the last that came: its copy under another name says
-- nothing new. A copy of an older one does: it takes back what came since.
select to_regclass('p02_comet.files') is not null as is_there \gset
\if :is_there
    select sha256, file_name, file_id = (select max(file_id) from p02_comet.files) from p02_comet.files
    where is_current and rules = '';
\endif
