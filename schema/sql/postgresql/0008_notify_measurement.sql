-- Whoever caches timings listens on the channel `measurement`: one notice for each workload that got new
-- rows, sent when they are committed.

create function notify_measurement() returns trigger
language plpgsql as $$
begin
  perform pg_notify('measurement', workload) from (select distinct workload from added) as changed;
  return null;
end $$;

create trigger measurement_added after insert on measurement
  referencing new table as added for each statement execute function notify_measurement();
