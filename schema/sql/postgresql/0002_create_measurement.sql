-- One kernel on one workload, machine, environment and cache regime, with the raw samples, the method
-- and the conditions that gave them. A failure is a row too: its outcome says which.
--
-- Rows are immutable. The id is drawn at random when the measurement is made; time is in the key since
-- the table is partitioned by it, and the pair is as unique as the id. Campaign, task and lease name
-- rows of the fleet that measured, which an importing store does not have.

create table measurement (
  id digest not null,
  kernel digest not null references kernel,
  workload digest not null references workload,
  machine digest not null references machine,
  environment digest not null references environment,
  device text not null,
  regime text not null check (regime in ('cold', 'hot')),
  outcome text not null,            -- 'ok', 'wrong', 'unsupported', 'timeout', 'crashed',
                                    -- 'out_of_memory', 'polluted'
  reason text not null,             -- Why not ok.

  median_s double precision,        -- Per call. The summary is null unless ok, so that no minimum or
  low_s double precision,           -- average takes a failure for a fast kernel.
  high_s double precision,          -- low_s to high_s: 95 % interval of the median.
  minimum_s double precision,
  sample_count integer,
  block_count integer,

  samples_s double precision[] not null,
  sample_blocks integer[] not null, -- sample_blocks[i] is the block in which samples_s[i] was taken.
  discarded jsonb not null,         -- [{"seconds": 0.1, "block": 3, "cause": "steal"}, ...]

  error_relative double precision,  -- Against the double reference; null is not a number.
  error_elementwise double precision,

  method integer not null,          -- Version of the measuring procedure (docs/measuring.md).
  seed bigint not null,             -- 64 bits, shown as signed.
  calls_per_sample integer not null,
  noise_floor double precision not null,  -- Relative A/A difference of the sitting.
  workspace_bytes bigint not null,
  peak_resident_bytes bigint not null,

  load_before_cores double precision not null,  -- Foreign CPU use.
  load_after_cores double precision not null,
  steal_fraction double precision not null,
  clock_before_mhz double precision,  -- Null: unavailable.
  clock_after_mhz double precision,
  throttle text not null,

  started_ns bigint not null,
  finished_ns bigint not null,
  node text not null,
  campaign digest,
  task digest,
  lease digest,

  primary key (id, finished_ns),
  check ((outcome = 'ok') = (median_s is not null)),
  check (cardinality(samples_s) = cardinality(sample_blocks))
) partition by range (finished_ns);

create index measurement_identity
  on measurement (workload, kernel, machine, environment, regime, finished_ns);
create index measurement_machine on measurement (machine, finished_ns);
create index measurement_finished on measurement using brin (finished_ns);
create index measurement_task on measurement (task) where task is not null;

-- Rows of months that have no partition: old ones that were imported.
create table measurement_default partition of measurement default;

-- Makes the partition of the month that `day` is in, and moves the rows there that wait in the default
-- one. Does nothing when it exists.
create function make_measurement_partition(day date) returns void
language plpgsql as $$
declare
  first date := date_trunc('month', day);
  low_ns bigint := extract(epoch from first::timestamp)::bigint * 1000000000;
  high_ns bigint := extract(epoch from (first + interval '1 month')::timestamp)::bigint * 1000000000;
  name text := 'measurement_' || to_char(first, 'YYYY_MM');
begin
  if to_regclass(name) is not null then
    return;
  end if;
  execute format('create table %I (like measurement including all)', name);
  execute format('with moved as (delete from measurement_default '
                 'where finished_ns >= %s and finished_ns < %s returning *) '
                 'insert into %I select * from moved', low_ns, high_ns, name);
  execute format('alter table measurement attach partition %I for values from (%s) to (%s)',
                 name, low_ns, high_ns);
end $$;

-- Partitions for this month and the next `ahead`: called whenever a store is initialised or migrated,
-- and by a coordinator at its start.
create function make_measurement_partitions(ahead integer) returns void
language plpgsql as $$
begin
  perform make_measurement_partition((date_trunc('month', now() at time zone 'utc')
                                      + make_interval(months => i))::date)
  from generate_series(0, ahead) as i;
end $$;

select make_measurement_partitions(12);
