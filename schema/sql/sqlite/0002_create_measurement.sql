-- One kernel on one workload, machine, environment and cache regime, with the raw samples, the method
-- and the conditions that gave them. A failure is a row too: its outcome says which.
--
-- Rows are immutable. The id is drawn at random when the measurement is made. Campaign, task and lease
-- name rows of the fleet that measured, which an embedded store does not have.

create table measurement (
  id text primary key,
  kernel text not null references kernel,
  workload text not null references workload,
  machine text not null references machine,
  environment text not null references environment,
  device text not null,
  regime text not null check (regime in ('cold', 'hot')),
  outcome text not null,            -- 'ok', 'wrong', 'unsupported', 'timeout', 'crashed',
                                    -- 'out_of_memory', 'polluted'
  reason text not null,             -- Why not ok.

  median_s real,                    -- Per call. The summary is null unless ok, so that no minimum or
  low_s real,                       -- average takes a failure for a fast kernel.
  high_s real,                      -- low_s to high_s: 95 % interval of the median.
  minimum_s real,
  sample_count integer,
  block_count integer,

  samples_s text not null,          -- [1.2e-05, ...]
  sample_blocks text not null,      -- sample_blocks[i] is the block in which samples_s[i] was taken.
  discarded text not null,          -- [{"seconds": 0.1, "block": 3, "cause": "steal"}, ...]

  error_relative real,              -- Against the double reference; null is not a number.
  error_elementwise real,

  method integer not null,          -- Version of the measuring procedure (docs/measuring.md).
  seed integer not null,            -- 64 bits, shown as signed.
  calls_per_sample integer not null,
  noise_floor real not null,        -- Relative A/A difference of the sitting.
  workspace_bytes integer not null,
  peak_resident_bytes integer not null,

  load_before_cores real not null,  -- Foreign CPU use.
  load_after_cores real not null,
  steal_fraction real not null,
  clock_before_mhz real,            -- Null: unavailable.
  clock_after_mhz real,
  throttle text not null,

  started_ns integer not null,
  finished_ns integer not null,
  node text not null,
  campaign text,
  task text,
  lease text,

  check ((outcome = 'ok') = (median_s is not null)),
  check (json_array_length(samples_s) = json_array_length(sample_blocks))
) strict;

create index measurement_identity
  on measurement (workload, kernel, machine, environment, regime, finished_ns);
create index measurement_machine on measurement (machine, finished_ns);
create index measurement_finished on measurement (finished_ns);
create index measurement_task on measurement (task) where task is not null;
