-- What must not be used until somebody lifts it: a kernel that keeps crashing, a machine whose canary
-- is off. A null column is no condition: (kernel K, machine null) is K everywhere.

create table quarantine (
  id bigint generated always as identity primary key,
  kernel digest references kernel,
  workload digest references workload,
  machine digest references machine,
  node text,
  device text,
  reason text not null,
  created_ns bigint not null,
  lifted_ns bigint,
  lifted_by text,
  check (num_nonnulls(kernel, workload, machine, node, device) > 0)
);
create index quarantine_active on quarantine (kernel, machine) where lifted_ns is null;
