-- Who may do what. Roles belong to the server, not to the database: existing ones are kept, so a database
-- administrator may create them beforehand (without the right to create roles this step needs that).
--
--   paceline_owner        everything, migrations included
--   paceline_coordinator  reads and writes every table
--   paceline_worker       adds and reads timings, nothing else
--   paceline_reader       reads the views

do $$
declare
  role text;
begin
  foreach role in array array['paceline_owner', 'paceline_coordinator', 'paceline_worker',
                              'paceline_reader'] loop
    if not exists (select 1 from pg_roles where rolname = role) then
      begin
        execute format('create role %I nologin', role);
      exception when duplicate_object or unique_violation then
        null;  -- Another database of this server is being initialised.
      end;
    end if;
  end loop;
end $$;

grant all on all tables in schema public to paceline_owner;
grant all on all sequences in schema public to paceline_owner;
grant create on schema public to paceline_owner;

grant select, insert, update, delete on all tables in schema public to paceline_coordinator;
grant usage on all sequences in schema public to paceline_coordinator;

grant select on schema_step to paceline_worker;
grant select, insert on op, machine, environment, kernel, workload, measurement, roofline,
  link_measurement to paceline_worker;
grant select, insert, update on node to paceline_worker;  -- When it was last seen.

grant select on schema_step, stale_environment, timing, best_kernel, tie, kernel_history, regression,
  coverage to paceline_reader;
