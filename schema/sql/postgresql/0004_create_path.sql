-- Whole models: the graph as it was imported and cleaned, the choices that turn it into work, the plan
-- compiled from them, and how long all of it took together (sums of kernels miss cache effects).

create table graph (
  id digest primary key,
  name text not null,
  text text not null                -- Parses back.
);

create table path (
  id digest primary key,
  graph digest not null references graph,
  text text not null                -- Choices by node; parses back.
);

-- A gang agrees on a plan by its id.
create table plan (
  id digest primary key,
  path digest not null references path,
  text text not null
);

create table path_measurement (
  id digest primary key,
  path digest not null references path,
  machine digest not null references machine,
  environment digest not null references environment,
  bindings jsonb not null,          -- {"N": 128, "past": 0}
  regime text not null check (regime in ('cold', 'hot')),
  outcome text not null,
  reason text not null,
  predicted_s double precision,     -- The sum that the choice was made by.
  median_s double precision,        -- Null unless ok.
  low_s double precision,
  high_s double precision,
  minimum_s double precision,
  samples_s double precision[] not null,
  sample_blocks integer[] not null,
  error_relative double precision,  -- End to end, against the double reference.
  error_elementwise double precision,
  noise_floor double precision not null,
  method integer not null,
  finished_ns bigint not null,
  node text not null,
  campaign digest,
  check ((outcome = 'ok') = (median_s is not null))
);
create index path_measurement_path on path_measurement (path, machine, environment, finished_ns);
