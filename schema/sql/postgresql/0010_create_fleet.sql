-- What a coordinator must not forget: it can be killed at any moment and started again, and goes on from
-- these rows. What it does not know better than its workers (who is connected) is not here but in memory.

-- What a user submitted: models as graphs in text form, prepared as `run` would, and what to bind their
-- symbols to. A measuring campaign measures every workload that these need, on every class of workers.
create table campaign (
  id digest primary key,
  name text not null,
  model text not null,              -- For people.
  graphs jsonb not null,            -- Texts.
  bindings jsonb not null,          -- [{"B": 1, "N": 40}, ...]
  threads jsonb not null,           -- [0, 2]; 0 is as many as the worker was given.
  regimes jsonb not null,           -- ["hot", "cold"]
  tolerance double precision not null,
  priority integer not null,        -- Higher goes first; equals share.
  seconds_per_sitting double precision not null,
  seconds_max double precision not null,  -- Of measuring in all; 0: no limit.
  state text not null check (state in ('running', 'paused', 'done', 'cancelled')),
  reason text not null,             -- Why it ended before everything was tried.
  spent_s double precision not null,
  submitted_ns bigint not null,
  finished_ns bigint                -- Null while it goes on.
);
create index campaign_active on campaign (id) where finished_ns is null;

-- A campaign on one class of workers: those with the same machine, environment and kernels. Its units are
-- the campaign's workloads in a fixed order, expanded when they are reached: `cursor_unit` is the next.
create table lane (
  campaign digest not null references campaign,
  class digest not null,
  machine text not null,            -- CPU model, for people.
  environment digest not null,
  total_units bigint not null,
  cursor_unit bigint not null,
  done_units bigint not null,
  known_units bigint not null,      -- Measured before the campaign.
  skipped_units bigint not null,    -- No kernel takes it, or the campaign ended first.
  failed_units bigint not null,
  primary key (campaign, class)
);

-- A unit that was reached: one workload on one class. Its id follows from campaign, class and unit.
create table task (
  id digest primary key,
  campaign digest not null references campaign,
  class digest not null,
  kind text not null default 'measure',  -- 'measure', 'canary'
  unit bigint not null,
  workload digest not null,
  workload_text text not null,
  threads integer not null,
  sittings jsonb not null,          -- [{"block": 0, "regimes": [...], "kernels": [...], "done": false}]
  state text not null check (state in ('queued', 'leased', 'done', 'failed', 'dropped')),
  strikes integer not null,         -- Workers that fell silent on it, sittings that could not be held.
  reason text not null,             -- Of the last strike.
  epoch bigint not null             -- Counts its leases.
);
create index task_campaign on task (campaign, state);

-- A worker's timed right to do a task with `resource` to itself. Ended ones stay: who measured what, when.
create table lease (
  id digest primary key,
  task digest not null references task,
  worker digest not null,
  worker_name text not null,
  resource text not null,
  epoch bigint not null,
  granted_ns bigint not null,
  revoked boolean not null,
  ended_ns bigint,                  -- Null: live.
  end_reason text
);
create index lease_live on lease (id) where ended_ns is null;
create index lease_task on lease (task);

-- Every worker process that ever said hello.
create table worker (
  id digest primary key,
  name text not null,
  resource text not null,
  class digest not null,
  machine digest not null references machine,
  environment digest not null references environment,
  key_name text not null,           -- Of its CURVE key on the allow list.
  first_seen_ns bigint not null,
  last_seen_ns bigint not null,     -- When it last said hello.
  left_ns bigint                    -- Null unless it left in order.
);

-- Campaigns with what is done and open, a row for each class of workers that takes part.
create view fleet as
select c.id as campaign_id, c.name, c.model, c.state, c.reason, c.priority, l.machine,
       l.total_units, l.done_units, l.known_units, l.skipped_units, l.failed_units,
       l.total_units - l.done_units - l.known_units - l.skipped_units - l.failed_units as open_units,
       c.spent_s, to_timestamp(c.submitted_ns / 1e9) as submitted,
       to_timestamp(c.finished_ns / 1e9) as finished, l.environment as environment_id
from campaign c
left join lane l on l.campaign = c.id;

grant all on campaign, lane, task, lease, worker, fleet to paceline_owner;
grant select, insert, update, delete on campaign, lane, task, lease, worker to paceline_coordinator;
grant select on fleet to paceline_coordinator, paceline_reader;
