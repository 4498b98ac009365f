-- What a timing is a timing of; the tables are those of PostgreSQL (schema/sql/postgresql), which explain
-- more. Here digests, names and JSON are text, booleans 0 or 1, and times nanoseconds since 1970 (UTC).

-- The vocabulary: what can be computed. Its meaning is in common/ops.
create table op (
  name text primary key
) strict;

-- Hardware, as far as a timing depends on it. Equal machines are one row; see node for the hosts.
create table machine (
  id text primary key,
  model_key text not null,          -- Equal for the same models of CPU and GPU.
  cpu_model text not null,
  architecture text not null,
  isa text not null,                -- ["avx2", ...]
  cores integer not null,
  hardware_threads integer not null,
  numa_nodes integer not null,
  caches text not null,             -- [{"level": 1, "bytes": 32768, "shared_by": 2}, ...]
  memory_bytes integer not null,
  hypervisor text not null,
  gpus text not null
) strict;
create index machine_model_key on machine (model_key);

-- Software, as far as a timing depends on it, and the number of threads that kernels may use.
create table environment (
  id text primary key,
  os text not null,
  os_kernel text not null,
  governor text not null,
  cuda_driver text not null,        -- '' without a GPU.
  threads integer not null,
  settings text not null
) strict;

-- Which host was seen with which hardware and software, and when. A host whose driver or system was
-- updated has two rows: the view stale_environment is made of that.
create table node (
  name text not null,
  machine text not null references machine,
  environment text not null references environment,
  first_seen_ns integer not null,
  last_seen_ns integer not null,
  primary key (name, machine, environment)
) strict;

-- One way to compute an op, by content: another compiler, flag or library version is another row with
-- the same name.
create table kernel (
  id text primary key,
  name text not null,
  op text not null references op,
  library text not null,
  device text not null,             -- 'cpu', 'cuda'
  accepts text not null,
  "precision" text not null,        -- 'exact', 'reorders', 'approximates', 'narrows'
  source text not null,             -- Digest of normalised source, compiler and flags.
  library_version text not null,
  expected_efficiency real not null,
  is_plain integer not null
) strict;
create index kernel_name on kernel (name);

-- An op with its attributes and the dtype, extents and layout of each operand: what is timed.
create table workload (
  id text primary key,
  op text not null references op,
  text text not null,               -- For people; it parses back.
  attributes text not null,         -- {"epsilon": {"real": "1e-06"}, ...}
  inputs text not null,             -- [{"dtype": "f32", "extents": [40, 64]}, ...]
  outputs text not null
) strict;
create index workload_op on workload (op);
