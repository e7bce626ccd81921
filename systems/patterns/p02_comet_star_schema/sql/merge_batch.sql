-- One batch of several files: psql variable batch.
create temporary table landed_files as select f.* from all_files f join batches using (number) where batch = :batch;
create temporary table landed_systems as select s.* from all_systems s join batches using (number) where batch = :batch;
create temporary table landed_hosts as select h.* from all_hosts h join batches using (number) where batch = :batch;
create temporary table landed_planets as select p.* from all_planets p join batches using (number) where batch = :batch;
analyze landed_systems, landed_hosts, landed_planets;
\ir merge_operational.sql
drop table landed_files, landed_systems, landed_hosts, landed_planets, sources, restated, wanted_systems, wanted_hosts,
    gone_from, planets_gone, hosts_gone, systems_gone;
