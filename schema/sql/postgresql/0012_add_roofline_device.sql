-- Each kind of device of a machine has peaks of its own: 'cpu', 'cuda' (whose threads are 1, whose bytes_per_s
-- is a copy's, and whose call_s is an empty kernel's in a captured graph).

alter table roofline
  add column device text not null default 'cpu',
  drop constraint roofline_pkey,
  add primary key (machine, device, threads, measured_ns);   -- The newest counts.
alter table roofline alter column device drop default;
