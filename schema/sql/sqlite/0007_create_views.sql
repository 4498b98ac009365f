-- The public face for dashboards and people; docs/store.md explains each with examples. Columns named
-- *_id are digests, the same things by name stand beside them.

-- Hardware and software that a host no longer runs: the same host was seen later with as many threads
-- under another system, kernel or driver. Rows measured there are stale until somewhere it is current.
create view stale_environment as
with seen as (
  select n.name, n.machine, n.environment, n.last_seen_ns, e.threads,
         exists (select 1
                 from node later join environment other on other.id = later.environment
                 where later.name = n.name and later.machine = n.machine
                   and later.last_seen_ns > n.last_seen_ns and other.threads = e.threads
                   and (other.os, other.os_kernel, other.cuda_driver)
                       is distinct from (e.os, e.os_kernel, e.cuda_driver)) as superseded
  from node n join environment e on e.id = n.environment
)
select machine as machine_id, environment as environment_id,
       strftime('%Y-%m-%dT%H:%M:%SZ', max(last_seen_ns) / 1000000000, 'unixepoch') as last_seen
from seen
group by machine, environment
having min(superseded);

-- The newest measurement of each kernel content, workload, machine, environment and regime.
create view timing as
select m.id as measurement_id, w.op, w.text as workload, k.name as kernel, k.library,
       k.library_version, k.is_plain, ma.cpu_model, e.os, e.os_kernel, e.cuda_driver, e.threads,
       m.node, m.device, m.regime, m.outcome, m.reason, m.median_s, m.low_s, m.high_s, m.minimum_s,
       m.sample_count, m.noise_floor, m.error_relative, m.error_elementwise, m.method,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.finished_ns / 1000000000, 'unixepoch') as finished, m.finished_ns,
       s.environment_id is not null as stale,
       m.workload as workload_id, m.kernel as kernel_id, m.machine as machine_id,
       m.environment as environment_id
from (select *, row_number() over (partition by workload, kernel, machine, environment, regime
                                   order by finished_ns desc, id desc) as age
      from measurement) m
join workload w on w.id = m.workload
join kernel k on k.id = m.kernel
join machine ma on ma.id = m.machine
join environment e on e.id = m.environment
left join stale_environment s on s.machine_id = m.machine and s.environment_id = m.environment
where m.age = 1;

-- What is fastest where, and by how much: the fastest kernel for each workload, machine, environment
-- and regime, with the next one. Whether the lead is real: see tie.
create view best_kernel as
select * from (
  select op, workload, kernel, library, cpu_model, os, threads, regime, median_s, low_s, high_s,
         error_relative, lead(kernel) over field as runner_up,
         lead(median_s) over field / median_s as runner_up_ratio,
         count(*) over (partition by workload_id, machine_id, environment_id, regime) as kernels,
         stale, finished, measurement_id, workload_id, kernel_id, machine_id, environment_id,
         row_number() over field as place
  from timing
  where outcome = 'ok'
  window field as (partition by workload_id, machine_id, environment_id, regime
                   order by median_s, kernel)
) ranked
where place = 1;

-- Kernels that cannot be told from the fastest: their intervals overlap, or the difference is within
-- the noise floor of the sittings.
create view tie as
select best.op, best.workload, best.cpu_model, best.os, best.threads, best.regime, best.kernel,
       best.median_s, rival.kernel as rival, rival.median_s as rival_median_s,
       rival.median_s / best.median_s as ratio, best.workload_id, best.machine_id,
       best.environment_id, best.measurement_id, rival.measurement_id as rival_measurement_id
from best_kernel best
join timing fastest on fastest.measurement_id = best.measurement_id
join timing rival
  on rival.workload_id = best.workload_id and rival.machine_id = best.machine_id
 and rival.environment_id = best.environment_id and rival.regime = best.regime
 and rival.outcome = 'ok' and rival.measurement_id <> best.measurement_id
where rival.low_s <= best.high_s
   or rival.median_s <= best.median_s * (1 + max(rival.noise_floor, fastest.noise_floor));

-- Every measurement of a kernel by name, whatever its content and environment, with the one before it.
create view kernel_history as
select k.name as kernel, w.op, w.text as workload, ma.cpu_model, e.threads, m.regime,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.finished_ns / 1000000000, 'unixepoch') as finished, m.outcome, m.reason, m.median_s, m.low_s,
       m.high_s, m.noise_floor,
       lag(m.median_s) over past as previous_median_s, lag(m.high_s) over past as previous_high_s,
       lag(m.noise_floor) over past as previous_noise_floor,
       lag(m.kernel) over past <> m.kernel as kernel_changed,
       lag(m.environment) over past <> m.environment as environment_changed,
       k.library_version, e.os, e.os_kernel, e.cuda_driver, m.node, m.finished_ns,
       m.id as measurement_id, m.workload as workload_id, m.kernel as kernel_id,
       m.machine as machine_id, m.environment as environment_id
from measurement m
join workload w on w.id = m.workload
join kernel k on k.id = m.kernel
join machine ma on ma.id = m.machine
join environment e on e.id = m.environment
window past as (partition by k.name, m.workload, m.machine, e.threads, m.regime, m.outcome = 'ok'
                order by m.finished_ns, m.id);

-- What got slower: the newest good measurement of a kernel on a workload and machine against the one
-- before it, outside both intervals and the noise floor.
create view regression as
select kernel, op, workload, cpu_model, threads, regime, median_s / previous_median_s as ratio,
       previous_median_s, median_s, kernel_changed, environment_changed, library_version, os,
       os_kernel, cuda_driver, node, finished, measurement_id, workload_id, kernel_id, machine_id,
       environment_id
from (select *, row_number() over (partition by kernel, workload_id, machine_id, threads, regime
                                   order by finished_ns desc, measurement_id desc) as age
      from kernel_history where outcome = 'ok') newest
where age = 1 and low_s > previous_high_s
  and median_s > previous_median_s * (1 + max(noise_floor, previous_noise_floor));

-- What is known and what is not: workloads of each op that a machine has timings for.
create view coverage as
select t.op, t.cpu_model, t.os, t.threads, t.regime, t.stale,
       count(distinct t.workload_id) filter (where t.outcome = 'ok') as measured_workloads,
       (select count(*) from workload w where w.op = t.op)
         - count(distinct t.workload_id) filter (where t.outcome = 'ok') as unknown_workloads,
       count(*) filter (where t.outcome = 'ok') as ok, count(*) filter (where t.outcome <> 'ok') as failed,
       max(t.finished) as newest, t.machine_id, t.environment_id
from timing t
group by t.op, t.cpu_model, t.os, t.threads, t.regime, t.stale, t.machine_id, t.environment_id;
