-- What must not be used until somebody lifts it: a kernel that keeps crashing, a machine whose canary
-- is off. A null column is no condition: (kernel K, machine null) is K everywhere.

create table quarantine (
  id integer primary key,
  kernel text references kernel,
  workload text references workload,
  machine text references machine,
  node text,
  device text,
  reason text not null,
  created_ns integer not null,
  lifted_ns integer,
  lifted_by text,
  check (coalesce(kernel, workload, machine, node, device) is not null)
) strict;
create index quarantine_active on quarantine (kernel, machine) where lifted_ns is null;
