-- Whole models: the graph as it was imported and cleaned, the choices that turn it into work, the plan
-- compiled from them, and how long all of it took together (sums of kernels miss cache effects).

create table graph (
  id text primary key,
  name text not null,
  text text not null                -- Parses back.
) strict;

create table path (
  id text primary key,
  graph text not null references graph,
  text text not null                -- Choices by node; parses back.
) strict;

-- A gang agrees on a plan by its id.
create table plan (
  id text primary key,
  path text not null references path,
  text text not null
) strict;

create table path_measurement (
  id text primary key,
  path text not null references path,
  machine text not null references machine,
  environment text not null references environment,
  bindings text not null,           -- {"N": 128, "past": 0}
  regime text not null check (regime in ('cold', 'hot')),
  outcome text not null,
  reason text not null,
  predicted_s real,                 -- The sum that the choice was made by.
  median_s real,                    -- Null unless ok.
  low_s real,
  high_s real,
  minimum_s real,
  samples_s text not null,
  sample_blocks text not null,
  error_relative real,              -- End to end, against the double reference.
  error_elementwise real,
  noise_floor real not null,
  method integer not null,
  finished_ns integer not null,
  node text not null,
  campaign text,
  check ((outcome = 'ok') = (median_s is not null))
) strict;
create index path_measurement_path on path_measurement (path, machine, environment, finished_ns);
