-- Who asked for what: submissions, cancellations, quarantines, prunings. Only ever added to.

create table audit (
  id integer primary key,
  at_ns integer not null,
  actor text not null,
  action text not null,             -- 'campaign-cancel', 'quarantine-lift', ...
  subject text not null,            -- The id it was done to.
  detail text not null default '{}'
) strict;
create index audit_at on audit (at_ns);
create index audit_subject on audit (subject);
