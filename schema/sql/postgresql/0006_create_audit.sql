-- Who asked for what: submissions, cancellations, quarantines, prunings. Only ever added to.

create table audit (
  id bigint generated always as identity primary key,
  at_ns bigint not null,
  actor text not null,
  action text not null,             -- 'campaign-cancel', 'quarantine-lift', ...
  subject text not null,            -- The id it was done to.
  detail jsonb not null default '{}'
);
create index audit_at on audit (at_ns);
create index audit_subject on audit (subject);
