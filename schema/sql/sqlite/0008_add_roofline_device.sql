-- Each kind of device of a machine has peaks of its own: 'cpu', 'cuda' (whose threads are 1).

create table roofline_by_device (
  machine text not null references machine,
  device text not null,
  threads integer not null,
  flops_per_s real not null,        -- f32 multiply-add, without tensor cores.
  bytes_per_s real not null,        -- DRAM, reading; of a GPU, copying.
  cache_bytes_per_s real not null,  -- Last-level cache.
  call_s real not null,             -- An empty call; of a GPU, in a captured graph.
  measured_ns integer not null,
  primary key (machine, device, threads, measured_ns)   -- The newest counts.
) strict;
insert into roofline_by_device
  select machine, 'cpu', threads, flops_per_s, bytes_per_s, cache_bytes_per_s, call_s, measured_ns
  from roofline;
drop table roofline;
alter table roofline_by_device rename to roofline;
