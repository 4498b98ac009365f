-- Campaigns over paths: after the kernels, each graph under each binding is raced on each class of workers.
-- One unit of a lane is one race: a study that finds paths, then rounds of sittings that halve them.

alter table campaign
  add column strategy text not null default 'kernels' check (strategy in ('kernels', 'race')),
  add column paths integer not null default 0,        -- That a study finds, besides the graph as it stands.
  add column rounds integer not null default 0,       -- At most.
  add column index_bound bigint not null default 0;   -- Of whole-number inputs that are drawn; 0: nothing said.

-- A task's kind is 'measure', 'study' or 'race'; the workload of the latter two is the graph's digest.
alter table task
  add column round integer not null default 0,
  add column contenders jsonb not null default '[]';  -- [{"path": ..., "predicted_s": ...}], the graph as it stands first

create table race (
  campaign digest not null references campaign,
  class digest not null,
  unit bigint not null,
  machine digest not null,
  environment digest not null,
  threads integer not null,
  graph digest not null,            -- In `graph` once its study has come back.
  bindings jsonb not null,
  state text not null check (state in ('studying', 'racing', 'done', 'failed', 'dropped')),
  round integer not null,           -- Under way, or the last.
  -- [{"path": ..., "predicted_s": ..., "standing": false, "round": 2, "ratio": 0.8, "in": true}]; the ratio is
  -- the time in that round over that of the graph as it stands, in the same sitting.
  runners jsonb not null,
  primary key (campaign, class, unit)
);

grant all on race to paceline_owner;
grant select, insert, update, delete on race to paceline_coordinator;
grant select on race to paceline_reader;
