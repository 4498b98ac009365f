#include "coordinator/coordinator.h"

#include <algorithm>
#include <set>
#include <thread>
#include <unordered_set>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/ops/all_ops.h"
#include "common/wire/codec.h"
#include "coordinator/translate.h"

namespace paceline {

namespace {

using namespace std::chrono_literals;

constexpr Duration poll_time = 100ms;
constexpr std::int64_t tick_ns = 200'000'000;
constexpr Duration store_retry = 1s;
// Messages that share one transaction.
constexpr int batch_max = 256;
// Timings that a study is told, the newest: a lease must stay a message.
constexpr std::size_t known_max = 50'000;

void log_action(const fleet::Action& action) {
  if (const auto* granted = std::get_if<fleet::GrantLease>(&action)) {
    log::info("lease-granted", {{"lease", granted->lease.id},
                                {"task", granted->task.id},
                                {"worker", granted->lease.worker_name},
                                {"workload", granted->task.workload_text}});
  } else if (const auto* ended = std::get_if<fleet::EndLease>(&action)) {
    log::info("lease-ended", {{"lease", ended->lease}, {"reason", ended->reason}});
  } else if (const auto* task = std::get_if<fleet::SaveTask>(&action)) {
    if (task->task.state != fleet::TaskState::failed) return;
    log::warning("task-failed", {{"task", task->task.id}, {"reason", task->task.reason}});
  } else if (const auto* saved = std::get_if<fleet::SaveCampaign>(&action)) {
    if (!saved->campaign.finished) return;
    log::info("campaign-finished", {{"campaign", saved->campaign.id},
                                    {"state", to_string(saved->campaign.state)},
                                    {"reason", saved->campaign.reason}});
  }
}

std::string_view state_of(const fleet::WorkerView& worker) {
  if (worker.draining) return "draining";
  return worker.workload.empty() ? "idle" : "measuring";
}

}  // namespace

Coordinator::Coordinator(Options options, wire::ServerSocket& socket)
    : options_(std::move(options)), socket_(socket) {
  recover();
}

void Coordinator::run(const StopSignal& stop) {
  while (stop.count() == 0) {
    try {
      if (!dispatcher_) recover();
      serve();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unavailable) throw;
      log::error("store-lost", {{"reason", error.what()}});
      dispatcher_.reset();
      std::this_thread::sleep_for(store_retry);
    }
  }
  log::info("coordinator-stopped");
}

void Coordinator::recover() {
  workers_.clear();
  addresses_.clear();
  decided_.clear();
  replies_.clear();
  store_ = open_store(options_.store_url);
  fleet_ = std::make_unique<FleetStore>(FleetStore::open(options_.store_url));
  fleet::Memory memory = fleet_->active_work();
  for (StoredCampaign& stored : fleet_->active_campaigns()) {
    stored.campaign.units = make_units(stored.graphs, stored.bindings, stored.threads,
                                       ops::all_ops(), stored.campaign.strategy);
    memory.campaigns.push_back(std::move(stored.campaign));
  }
  log::info("coordinator-recovered", {{"campaigns", memory.campaigns.size()},
                                      {"tasks", memory.tasks.size()},
                                      {"leases", memory.leases.size()}});
  dispatcher_ = std::make_unique<fleet::Dispatcher>(options_.policy);
  dispatcher_->restore(std::move(memory), now());
}

void Coordinator::serve() {
  auto incoming = socket_.receive(poll_time);
  for (int count = 0; incoming && count < batch_max; ++count) {
    receive(*incoming);
    incoming = socket_.receive(0ms);
  }
  if (incoming) receive(*incoming);
  if (monotonic_ns() - ticked_ns_ >= tick_ns) {
    ticked_ns_ = monotonic_ns();
    step(fleet::Tick{});
  }
  flush();
}

void Coordinator::flush() {
  fleet_->save(decided_, now());
  for (const fleet::Action& action : decided_) {
    log_action(action);
    auto outgoing = to_message(action, options_.policy);
    if (!outgoing) continue;
    const auto address = addresses_.find(outgoing->worker);
    if (address == addresses_.end()) continue;
    if (const auto* grant = std::get_if<fleet::GrantLease>(&action)) {
      equip(*grant, std::get<wire::Lease>(outgoing->message));
    }
    socket_.send(address->second, outgoing->message);
  }
  decided_.clear();
  for (const auto& [address, message] : replies_) socket_.send(address, message);
  replies_.clear();
}

void Coordinator::receive(const wire::ServerSocket::Incoming& incoming) {
  try {
    receive(incoming, wire::decode(incoming.bytes));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unavailable || error.kind() == ErrorKind::internal) throw;
    log::warning("message-refused", {{"user", incoming.user}, {"reason", error.what()}});
    if (error.kind() == ErrorKind::unsupported) {
      reply(incoming.address, wire::Unsupported{wire::protocol_version, error.what()});
    } else {
      reply(incoming.address, wire::Refused{error.kind(), error.what()});
    }
  }
}

void Coordinator::receive(const wire::ServerSocket::Incoming& from, const wire::Message& message) {
  if (from.role == wire::Role::worker) return receive_from_worker(from, message);
  receive_from_client(from, message);
}

// Workers.

void Coordinator::receive_from_worker(const wire::ServerSocket::Incoming& from,
                                      const wire::Message& message) {
  if (const auto* hello = std::get_if<wire::Hello>(&message)) return welcome(from, *hello);
  const auto worker = workers_.find(from.address);
  if (worker == workers_.end()) return reply(from.address, wire::Introduce{});
  if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&message)) {
    step(to_event(worker->second, *heartbeat));
  } else if (const auto* result = std::get_if<wire::Result>(&message)) {
    keep(worker->second, *result);
  } else if (std::holds_alternative<wire::Goodbye>(message)) {
    depart(from.address, WorkerId(worker->second));
  } else {
    throw unsupported("message that a worker's key may not send: {}", name_of(message));
  }
}

void Coordinator::welcome(const wire::ServerSocket::Incoming& from, const wire::Hello& hello) {
  if (hello.protocol < 1) throw unsupported("hello with a protocol version: {}", hello.protocol);
  store_->put(hello.machine);
  store_->put(hello.environment);
  store_->put(std::span(hello.kernels));
  const auto known = addresses_.find(hello.worker);
  if (known != addresses_.end()) workers_.erase(known->second);
  workers_[from.address] = hello.worker;
  addresses_[hello.worker] = from.address;
  const fleet::WorkerArrived arrived = to_event(hello);
  fleet_->save(hello, arrived.worker_class->id(), from.user, now());
  step(arrived);
  const auto heartbeat = std::chrono::duration_cast<std::chrono::milliseconds>(options_.heartbeat);
  reply(from.address, wire::Welcome{wire::protocol_version, options_.name,
                                    static_cast<std::uint32_t>(heartbeat.count())});
  log::info("worker-arrived", {{"worker", hello.worker},
                               {"name", hello.name},
                               {"key", from.user},
                               {"class", arrived.worker_class->id()},
                               {"kernels", hello.kernels.size()}});
}

void Coordinator::depart(const std::string& address, const WorkerId& worker) {
  step(fleet::WorkerLeft{worker});
  fleet_->save_departure(worker, now());
  log::info("worker-left", {{"worker", worker}});
  addresses_.erase(worker);
  workers_.erase(address);
}

// A result that the store cannot take is a failed sitting: sending it again would not mend it.
void Coordinator::keep(const WorkerId& worker, const wire::Result& result) {
  fleet::SittingReturned event = to_event(worker, result);
  try {
    std::vector<Workload> workloads;
    if (!result.workload.empty()) {
      workloads.push_back(parse_workload(result.workload, ops::all_ops()));
    }
    for (const std::string& text : result.workloads) {
      workloads.push_back(parse_workload(text, ops::all_ops()));
    }
    store_->put(result.environment);
    store_->put(std::span<const Workload>(workloads));
    if (result.roofline) store_->put(*result.roofline);
    const std::int64_t added = store_->put(std::span(result.measurements));
    keep_paths(result);
    log::info("result-kept", {{"task", result.task},
                              {"lease", result.lease},
                              {"block", result.block},
                              {"measurements", added},
                              {"paths", result.paths.size()},
                              {"path_measurements", result.path_measurements.size()}});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid) throw;
    log::error("result-refused", {{"task", result.task}, {"reason", error.what()}});
    event.failure = error.what();
  }
  step(event);
}

// What a path is called follows from its text: anything else would be found under another's name.
void Coordinator::keep_paths(const wire::Result& result) {
  if (!result.paths.empty()) {
    const Graph graph = parse_graph(result.graph, ops::all_ops());
    const GraphText row{graph.id(), graph.name(), result.graph};
    std::vector<PathText> paths;
    for (const wire::Contender& contender : result.paths) {
      if (parse_path(contender.text, ops::all_ops()).id() != contender.path) {
        throw invalid("path under a name that is not its own: {}", contender.path.to_string());
      }
      paths.push_back({contender.path, row.id, contender.text});
    }
    store_->put(std::span(&row, 1));
    store_->put(std::span<const PathText>(paths));
  }
  store_->put(std::span<const PathMeasurement>(result.path_measurements));
}

// Clients.

void Coordinator::receive_from_client(const wire::ServerSocket::Incoming& from,
                                      const wire::Message& message) {
  if (const auto* asked = std::get_if<wire::Ask>(&message)) {
    flush();  // The answer is read from the database.
    reply(from.address, status(*asked));
  } else if (const auto* submitted = std::get_if<wire::Submit>(&message)) {
    submit(from, *submitted);
  } else if (const auto* controlled = std::get_if<wire::Control>(&message)) {
    control(from, *controlled);
  } else {
    throw unsupported("message that a client's key may not send: {}", name_of(message));
  }
}

void Coordinator::submit(const wire::ServerSocket::Incoming& from, const wire::Submit& submit) {
  fleet::Campaign campaign = to_campaign(submit, now(), ops::all_ops());
  const std::int64_t units = campaign.units->count();
  if (fleet_->add(submit, campaign.submitted)) {
    fleet_->audit({from.user, "campaign-submit", submit.campaign.to_string(), submit.name}, now());
    step(fleet::CampaignSubmitted{std::move(campaign)});
    log::info("campaign-submitted",
              {{"campaign", submit.campaign}, {"name", submit.name}, {"units", units}});
  }
  reply(from.address, wire::Done{submit.campaign});
}

void Coordinator::control(const wire::ServerSocket::Incoming& from, const wire::Control& control) {
  log::info("control", {{"action", to_string(control.action)},
                        {"campaign", control.campaign},
                        {"worker", control.worker}});
  if (control.action == wire::ControlAction::drain) {
    if (!addresses_.contains(control.worker)) {
      throw invalid("no such worker is connected, see paceline fleet status: {}",
                    control.worker.to_string());
    }
    step(fleet::WorkerDrained{control.worker});
  } else if (!dispatcher_->knows(control.campaign)) {
    throw invalid("no such campaign goes on, see paceline campaign list: {}",
                  control.campaign.to_string());
  } else if (control.action == wire::ControlAction::pause) {
    step(fleet::CampaignPaused{control.campaign});
  } else if (control.action == wire::ControlAction::resume) {
    step(fleet::CampaignResumed{control.campaign});
  } else {
    step(fleet::CampaignCancelled{control.campaign});
  }
  const bool is_drain = control.action == wire::ControlAction::drain;
  fleet_->audit(
      {from.user, fmt::format("{}-{}", is_drain ? "worker" : "campaign", to_string(control.action)),
       is_drain ? control.worker.to_string() : control.campaign.to_string(), ""},
      now());
  reply(from.address, wire::Done{control.campaign});
}

wire::Status Coordinator::status(const wire::Ask& ask) {
  wire::Status status;
  status.campaigns = fleet_->status(ask.campaign);
  if (ask.campaign && status.campaigns.empty()) {
    throw invalid("no such campaign, see paceline campaign list: {}", ask.campaign->to_string());
  }
  const Time time = now();
  for (wire::CampaignStatus& campaign : status.campaigns) {
    const auto classes = fleet_->classes_of(campaign.id);
    for (std::size_t i = 0; i < std::min(classes.size(), campaign.lanes.size()); ++i) {
      campaign.lanes[i].workers =
          static_cast<std::uint32_t>(dispatcher_->workers_of(classes[i], time));
    }
  }
  for (const fleet::WorkerView& worker : dispatcher_->workers()) {
    status.workers.push_back({worker.id, worker.name, std::string(state_of(worker)), worker.machine,
                              worker.resource, worker.workload,
                              std::chrono::duration<double>(time - worker.heard).count()});
  }
  return status;
}

// Decisions.

void Coordinator::step(const fleet::Event& event) {
  for (fleet::Action& action : dispatcher_->step(now(), event)) {
    if (const auto* question = std::get_if<fleet::LoadKnown>(&action)) {
      // Its lane may be new: it is saved with this batch, the answer comes at once.
      step(fleet::KnownLoaded{question->campaign, question->worker_class, load_known(*question)});
    } else {
      decided_.push_back(std::move(action));
    }
  }
}

// What a worker needs from the store: it has none itself.
void Coordinator::equip(const fleet::GrantLease& grant, wire::Lease& lease) {
  if (grant.task.kind == fleet::TaskKind::measure) return;
  for (wire::Contender& contender : lease.paths) {
    auto path = store_->find(contender.path);
    check(path.has_value(), "a path of a study that was kept");
    contender.text = std::move(path->text);
  }
  if (grant.task.kind == fleet::TaskKind::study) {
    tell_what_is_known(*dispatcher_->find_class(grant.task.worker_class), lease);
  }
}

void Coordinator::tell_what_is_known(const fleet::WorkerClass& members, wire::Lease& lease) {
  Environment environment = members.environment;
  environment.threads = lease.threads;
  TimingQuery query;
  std::unordered_set<KernelId> kernels;
  std::set<std::string> ops;
  for (const KernelInfo& kernel : members.kernels) {
    kernels.insert(kernel.id());
    ops.insert(kernel.op);
  }
  query.ops.assign(ops.begin(), ops.end());
  query.regime = Regime::hot;  // That whole paths are timed in.
  query.machine_model_key = members.machine.model_key();
  std::set<WorkloadId> workloads;
  std::set<std::pair<WorkloadId, KernelId>> seen;  // The newest come first.
  for (Timing& timing : store_->timings(query)) {
    if (timing.machine != members.machine.id() || timing.environment != environment.id() ||
        timing.outcome == Outcome::polluted || !kernels.contains(timing.kernel)) {
      continue;
    }
    if (!seen.emplace(timing.workload, timing.kernel).second) continue;
    if (lease.known.size() == known_max) break;
    workloads.insert(timing.workload);
    Measurement& known = lease.known.emplace_back();
    known.id = timing.measurement;
    known.kernel = timing.kernel;
    known.workload = timing.workload;
    known.machine = timing.machine;
    known.environment = timing.environment;
    known.regime = timing.regime;
    known.outcome = timing.outcome;
    known.reason = std::move(timing.reason);
    known.summary = timing.summary;
    known.noise_floor = timing.noise_floor;
    known.error_relative = timing.error_relative;
    known.error_elementwise = timing.error_elementwise;
    known.finished = timing.finished;
  }
  const std::vector<WorkloadId> ids(workloads.begin(), workloads.end());
  for (const Workload& workload : store_->find(ids)) lease.workloads.push_back(workload.to_text());
  lease.roofline = store_->roofline(members.machine.id(), lease.threads);
}

// A polluted measurement is no answer.
fleet::KnownTimings Coordinator::load_known(const fleet::LoadKnown& question) {
  const fleet::Units& units = *dispatcher_->campaign(question.campaign).units;
  const Machine& machine = dispatcher_->find_class(question.worker_class)->machine;
  std::unordered_set<WorkloadId> workloads;
  for (std::int64_t i = 0; i < units.count(); ++i) {
    const fleet::Unit unit = units.at(i);
    if (!unit.raced) workloads.insert(unit.workload.id());
  }
  TimingQuery query;
  query.workloads.assign(workloads.begin(), workloads.end());
  query.machine_model_key = machine.model_key();
  fleet::KnownTimings known;
  for (const Timing& timing : store_->timings(query)) {
    if (timing.machine != machine.id() || timing.outcome == Outcome::polluted) continue;
    known.insert(
        fleet::timing_key(timing.kernel, timing.workload, timing.environment, timing.regime));
  }
  return known;
}

}  // namespace paceline
