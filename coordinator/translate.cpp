#include "coordinator/translate.h"

#include <utility>

#include "common/base/error.h"

namespace paceline {

namespace {

std::uint32_t valid_ms(const fleet::Policy& policy) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(policy.lease_valid).count());
}

wire::Lease to_lease(const fleet::GrantLease& grant, const fleet::Policy& policy) {
  wire::Lease lease;
  lease.id = grant.lease.id;
  lease.task = grant.task.id;
  lease.campaign = grant.task.campaign;
  lease.epoch = grant.lease.epoch;
  lease.sent_ns = grant.sent_ns;
  lease.valid_ms = valid_ms(policy);
  lease.kind = to_string(grant.task.kind);
  if (grant.task.kind == fleet::TaskKind::measure) {
    lease.workload = grant.task.workload_text;
  } else {
    lease.graph = grant.task.raced->text;
    lease.bindings = grant.task.raced->bindings;
    lease.index_bound = grant.index_bound;
    lease.paths_max = grant.paths;
    lease.blocks = grant.blocks;
    for (const fleet::Contender& contender : grant.task.contenders) {
      lease.paths.push_back({contender.path, "", contender.predicted_s});
    }
  }
  lease.threads = grant.task.threads;
  lease.tolerance = grant.tolerance;
  lease.seconds_max = grant.seconds_per_sitting;
  for (const fleet::Sitting& sitting : grant.task.sittings) {
    if (!sitting.done) lease.sittings.push_back({sitting.block, sitting.regimes, sitting.kernels});
  }
  return lease;
}

fleet::Strategy strategy_of(const wire::Submit& submit) {
  if (submit.strategy.empty()) return fleet::Strategy::kernels;
  const auto strategy = fleet::parse_strategy(submit.strategy);
  if (!strategy) {
    throw invalid("campaign's strategy is kernels or race: {}", submit.strategy);
  }
  if (*strategy == fleet::Strategy::race && (submit.paths < 1 || submit.rounds < 1)) {
    throw invalid("race of so many paths in so many rounds, give at least 1 of each: {} in {}",
                  submit.paths, submit.rounds);
  }
  return *strategy;
}

struct MessageOf {
  const fleet::Policy& policy;

  using Answer = std::optional<Outgoing>;
  Answer operator()(const fleet::GrantLease& action) const {
    return Outgoing{action.lease.worker, to_lease(action, policy)};
  }
  Answer operator()(const fleet::RenewLeases& action) const {
    return Outgoing{action.worker, wire::Renewed{action.sent_ns, valid_ms(policy), action.leases}};
  }
  Answer operator()(const fleet::RevokeLease& action) const {
    return Outgoing{action.worker, wire::Revoke{action.lease}};
  }
  Answer operator()(const fleet::DrainWorker& action) const {
    return Outgoing{action.worker, wire::Drain{}};
  }
  Answer operator()(const fleet::Acknowledge& action) const {
    return Outgoing{action.worker, wire::Ack{action.task, action.lease, action.block}};
  }
  Answer operator()(const fleet::AskToIntroduce& action) const {
    return Outgoing{action.worker, wire::Introduce{}};
  }
  template <typename Other>
  Answer operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

std::optional<Outgoing> to_message(const fleet::Action& action, const fleet::Policy& policy) {
  return std::visit(MessageOf{policy}, action);
}

fleet::WorkerArrived to_event(const wire::Hello& hello) {
  return {hello.worker, hello.name, hello.resource,
          std::make_shared<const fleet::WorkerClass>(
              fleet::WorkerClass{hello.machine, hello.environment, hello.kernels})};
}

fleet::WorkerHeard to_event(const WorkerId& worker, const wire::Heartbeat& heartbeat) {
  return {worker, heartbeat.sent_ns, static_cast<int>(heartbeat.credit), heartbeat.leases,
          heartbeat.released};
}

fleet::SittingReturned to_event(const WorkerId& worker, const wire::Result& result) {
  fleet::SittingReturned event{.worker = worker,
                               .task = result.task,
                               .lease = result.lease,
                               .block = result.block,
                               .polluted = {},
                               .failure = result.failure,
                               .seconds = result.seconds};
  for (const wire::Contender& contender : result.paths) {
    event.found.push_back({contender.path, contender.predicted_s});
  }
  for (const PathMeasurement& row : result.path_measurements) {
    event.times.push_back({row.path, row.outcome == Outcome::ok, row.summary.median_s});
  }
  // A study's measurements are of many workloads: what is polluted there stays unknown.
  if (!result.graph.empty()) return event;
  for (const Measurement& measurement : result.measurements) {
    if (measurement.outcome == Outcome::polluted) event.polluted.push_back(measurement.kernel);
  }
  return event;
}

std::shared_ptr<const fleet::Units> make_units(const std::vector<std::string>& graphs,
                                               const std::vector<Bindings>& bindings,
                                               const std::vector<std::int32_t>& threads,
                                               const OpSet& ops, fleet::Strategy strategy) {
  std::vector<Graph> parsed;
  for (const std::string& text : graphs) {
    parsed.push_back(parse_graph(text, ops));
    validate(parsed.back(), ops);
  }
  return std::make_shared<fleet::MeasuringUnits>(parsed, bindings, threads, ops,
                                                 strategy == fleet::Strategy::race);
}

fleet::Campaign to_campaign(const wire::Submit& submit, Time now, const OpSet& ops) {
  if (submit.graphs.empty() || submit.bindings.empty() || submit.threads.empty() ||
      submit.regimes.empty()) {
    throw invalid("campaign needs at least one graph, binding, thread count and regime: {}",
                  submit.name);
  }
  for (const std::int32_t threads : submit.threads) {
    if (threads < 0) throw invalid("campaign with a thread count below 0: {}", threads);
  }
  fleet::Campaign campaign;
  campaign.id = submit.campaign;
  campaign.name = submit.name;
  campaign.model = submit.model;
  campaign.priority = submit.priority;
  campaign.regimes = submit.regimes;
  campaign.tolerance = submit.tolerance;
  campaign.seconds_per_sitting = submit.seconds_per_sitting;
  campaign.seconds_max = submit.seconds_max;
  campaign.submitted = now;
  campaign.strategy = strategy_of(submit);
  campaign.paths = submit.paths;
  campaign.rounds = submit.rounds;
  campaign.index_bound = submit.index_bound;
  campaign.units =
      make_units(submit.graphs, submit.bindings, submit.threads, ops, campaign.strategy);
  return campaign;
}

}  // namespace paceline
