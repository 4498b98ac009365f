-- What the parts of a machine can do at best, as measured: what unmeasured kernels are predicted from.

create table roofline (
  machine digest not null references machine,
  threads integer not null,
  flops_per_s double precision not null,        -- f32 multiply-add.
  bytes_per_s double precision not null,        -- DRAM, reading.
  cache_bytes_per_s double precision not null,  -- Last-level cache, reading.
  call_s double precision not null,             -- An empty call.
  measured_ns bigint not null,
  primary key (machine, threads, measured_ns)   -- The newest counts.
);

-- Transfers and collectives, measured like kernels: one size on one link. A curve over bytes is the
-- rows of one link.
create table link_measurement (
  id digest primary key,
  operation text not null,          -- 'copy', 'all_reduce', 'send', ...
  library text not null,            -- 'memcpy', 'nccl', 'mpi', ...
  source_node text not null,
  source_device text not null,
  target_node text not null,
  target_device text not null,
  machine digest not null references machine,
  environment digest not null references environment,
  ranks integer not null,
  bytes bigint not null,
  outcome text not null,
  reason text not null,
  median_s double precision,        -- Over the slowest rank. Null unless ok.
  low_s double precision,
  high_s double precision,
  minimum_s double precision,
  samples_s double precision[] not null,
  sample_blocks integer[] not null,
  method integer not null,
  finished_ns bigint not null,
  check ((outcome = 'ok') = (median_s is not null))
);
create index link_measurement_link
  on link_measurement (operation, source_node, target_node, bytes, finished_ns);
