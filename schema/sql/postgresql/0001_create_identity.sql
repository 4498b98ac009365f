-- What a timing is a timing of. Every row is named by the digest of its content, so that two machines
-- that never met write the same row, and merging stores is inserting what is missing. Rows are only
-- ever added.
--
-- Digests are 32 hexadecimal digits as text, in both homes: what a person copies from a log, a view or
-- another store finds the row. Times are nanoseconds since 1970 (UTC), so that moving a row between
-- homes loses nothing; views show them as timestamps.

create domain digest as text collate "C" check (value ~ '^[0-9a-f]{32}$');

-- The vocabulary: what can be computed. Its meaning is in common/ops.
create table op (
  name text primary key
);

-- Hardware, as far as a timing depends on it. Equal machines are one row; see node for the hosts.
create table machine (
  id digest primary key,
  model_key text not null,          -- Equal for the same models of CPU and GPU.
  cpu_model text not null,
  architecture text not null,
  isa text[] not null,
  cores integer not null,
  hardware_threads integer not null,
  numa_nodes integer not null,
  caches jsonb not null,            -- [{"level": 1, "bytes": 32768, "shared_by": 2}, ...]
  memory_bytes bigint not null,
  hypervisor text not null,
  gpus jsonb not null
);
create index machine_model_key on machine (model_key);

-- Software, as far as a timing depends on it, and the number of threads that kernels may use.
create table environment (
  id digest primary key,
  os text not null,
  os_kernel text not null,
  governor text not null,
  cuda_driver text not null,        -- '' without a GPU.
  threads integer not null,
  settings jsonb not null
);

-- Which host was seen with which hardware and software, and when. A host whose driver or system was
-- updated has two rows: the view stale_environment is made of that.
create table node (
  name text not null,
  machine digest not null references machine,
  environment digest not null references environment,
  first_seen_ns bigint not null,
  last_seen_ns bigint not null,
  primary key (name, machine, environment)
);

-- One way to compute an op, by content: another compiler, flag or library version is another row with
-- the same name.
create table kernel (
  id digest primary key,
  name text not null,
  op text not null references op,
  library text not null,
  device text not null,             -- 'cpu', 'cuda'
  accepts jsonb not null,
  "precision" text not null,        -- 'exact', 'reorders', 'approximates', 'narrows'
  source text not null,             -- Digest of normalised source, compiler and flags.
  library_version text not null,
  expected_efficiency double precision not null,
  is_plain boolean not null
);
create index kernel_name on kernel (name);

-- An op with its attributes and the dtype, extents and layout of each operand: what is timed.
create table workload (
  id digest primary key,
  op text not null references op,
  text text not null,               -- For people; it parses back.
  attributes jsonb not null,        -- {"epsilon": {"real": "1e-06"}, ...}
  inputs jsonb not null,            -- [{"dtype": "f32", "extents": [40, 64]}, ...]
  outputs jsonb not null
);
create index workload_op on workload (op);
