-- What the parts of a machine can do at best, as measured: what unmeasured kernels are predicted from.

create table roofline (
  machine text not null references machine,
  threads integer not null,
  flops_per_s real not null,        -- f32 multiply-add.
  bytes_per_s real not null,        -- DRAM, reading.
  cache_bytes_per_s real not null,  -- Last-level cache, reading.
  call_s real not null,             -- An empty call.
  measured_ns integer not null,
  primary key (machine, threads, measured_ns)   -- The newest counts.
) strict;

-- Transfers and collectives, measured like kernels: one size on one link. A curve over bytes is the
-- rows of one link.
create table link_measurement (
  id text primary key,
  operation text not null,          -- 'copy', 'all_reduce', 'send', ...
  library text not null,            -- 'memcpy', 'nccl', 'mpi', ...
  source_node text not null,
  source_device text not null,
  target_node text not null,
  target_device text not null,
  machine text not null references machine,
  environment text not null references environment,
  ranks integer not null,
  bytes integer not null,
  outcome text not null,
  reason text not null,
  median_s real,                    -- Over the slowest rank. Null unless ok.
  low_s real,
  high_s real,
  minimum_s real,
  samples_s text not null,
  sample_blocks text not null,
  method integer not null,
  finished_ns integer not null,
  check ((outcome = 'ok') = (median_s is not null))
) strict;
create index link_measurement_link
  on link_measurement (operation, source_node, target_node, bytes, finished_ns);
