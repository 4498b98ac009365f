#include "tests/sim/cluster.h"

#include <algorithm>
#include <cmath>

#include "coordinator/translate.h"

namespace paceline::testing {

using namespace std::chrono_literals;

Cluster::Cluster(std::uint64_t seed, Shape shape, Faults faults, fleet::Policy policy)
    : random_(seed), faults_(faults), policy_(policy) {
  for (int host = 0; host < shape.hosts; ++host) {
    for (int worker = 0; worker < shape.workers_per_host; ++worker) {
      Slot& slot = slots_.emplace_back();
      slot.name = fmt::format("worker-{}-{}", host, worker);
      slot.resource = fmt::format("host-{}", host);
      slot.worker_class = worker_class(fmt::format("model-{}", host % shape.machine_models));
      slot.clock_rate = 1 + faults.clock_drift * random_.uniform(-1, 1);
      slot.clock_offset_ns = random_.below(1'000'000'000'000);
    }
  }
  start_coordinator();
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) start_worker(static_cast<int>(slot));
  if (faults.kill_worker_s > 0) at(random_time(faults.kill_worker_s), [this] { kill_worker(-1); });
  if (faults.kill_coordinator_s > 0) {
    at(random_time(faults.kill_coordinator_s), [this] { crash_coordinator(); });
  }
}

Cluster::~Cluster() = default;

void Cluster::cancel_in(Duration delay, const CampaignId& campaign) {
  at(delay, [this, campaign] {
    if (!dispatcher_) return cancel_in(1s, campaign);
    step(fleet::CampaignCancelled{campaign});
  });
}

bool Cluster::run(Duration limit) {
  while (!queue_.empty() && now_ns_ < limit.count()) {
    const Scheduled next = queue_.top();
    queue_.pop();
    now_ns_ = next.at_ns;
    next.run();
    if (is_settled()) return true;
  }
  return false;
}

bool Cluster::is_settled() const {
  const auto is_finished = [](const auto& entry) { return entry.second.finished.has_value(); };
  const auto is_empty = [](const Slot& slot) { return slot.spool.empty(); };
  return std::ranges::all_of(database_.campaigns, is_finished) &&
         std::ranges::all_of(slots_, is_empty);
}

std::vector<fleet::Lane> Cluster::lanes_of(const CampaignId& campaign) const {
  std::vector<fleet::Lane> lanes;
  for (const auto& [key, lane] : database_.lanes) {
    if (key.first == campaign) lanes.push_back(lane);
  }
  return lanes;
}

std::vector<fleet::Race> Cluster::races() const {
  std::vector<fleet::Race> races;
  for (const auto& [key, race] : database_.races) races.push_back(race);
  return races;
}

// Time and network.

void Cluster::at(Duration delay, std::function<void()> run) {
  queue_.push({now_ns_ + delay.count(), scheduled_++, std::move(run)});
}

Duration Cluster::random_time(double mean_s) {
  return Duration(static_cast<std::int64_t>(-std::log(1 - random_.uniform()) * mean_s * 1e9));
}

std::int64_t Cluster::clock_of(const Slot& slot) const {
  return slot.clock_offset_ns +
         static_cast<std::int64_t>(static_cast<double>(now_ns_) * slot.clock_rate);
}

void Cluster::transmit(std::function<void()> deliver) {
  const int copies = random_.uniform() < faults_.lose     ? 0
                     : random_.uniform() < faults_.repeat ? 2
                                                          : 1;
  for (int copy = 0; copy < copies; ++copy) {
    const bool is_late = random_.uniform() < faults_.delay;
    at(Duration(random_.below(is_late ? 15'000'000'000 : 2'000'000)), deliver);
  }
}

// The coordinator.

void Cluster::start_coordinator() {
  fleet::Memory memory;
  for (const auto& [id, campaign] : database_.campaigns) {
    if (!campaign.finished) memory.campaigns.push_back(campaign);
  }
  for (const auto& [key, lane] : database_.lanes) memory.lanes.push_back(lane);
  for (const auto& [id, task] : database_.tasks) {
    if (task.state != fleet::TaskState::done && task.state != fleet::TaskState::dropped) {
      memory.tasks.push_back(task);
    }
  }
  for (const auto& [id, lease] : database_.leases) memory.leases.push_back(lease);
  for (const auto& [key, race] : database_.races) {
    if (race.state == fleet::RaceState::studying || race.state == fleet::RaceState::racing) {
      memory.races.push_back({std::get<0>(key), std::get<1>(key), race});
    }
  }
  dispatcher_.emplace(policy_);
  dispatcher_->restore(std::move(memory), time());
  tick_coordinator();
}

void Cluster::tick_coordinator() {
  if (!dispatcher_) return;
  step(fleet::Tick{});
  at(500ms, [this] { tick_coordinator(); });
}

void Cluster::crash_coordinator() {
  dispatcher_.reset();
  at(random_time(3), [this] { start_coordinator(); });
  at(10s + random_time(faults_.kill_coordinator_s), [this] {
    if (dispatcher_) crash_coordinator();
  });
}

void Cluster::submit(const fleet::Campaign& campaign) {
  fleet::Campaign submitted = campaign;
  submitted.submitted = time();
  database_.campaigns[campaign.id] = submitted;
  if (dispatcher_) step(fleet::CampaignSubmitted{submitted});
}

void Cluster::step(const fleet::Event& event) {
  for (const fleet::Action& action : dispatcher_->step(time(), event)) apply(action);
}

void Cluster::apply(const fleet::Action& action) {
  if (const auto* campaign = std::get_if<fleet::SaveCampaign>(&action)) {
    database_.campaigns[campaign->campaign.id] = campaign->campaign;
  } else if (const auto* lane = std::get_if<fleet::SaveLane>(&action)) {
    database_.lanes[{lane->lane.campaign, lane->lane.worker_class}] = lane->lane;
  } else if (const auto* task = std::get_if<fleet::SaveTask>(&action)) {
    database_.tasks[task->task.id] = task->task;
  } else if (const auto* race = std::get_if<fleet::SaveRace>(&action)) {
    database_.races[{race->campaign, race->worker_class, race->race.unit}] = race->race;
  } else if (const auto* lease = std::get_if<fleet::SaveLease>(&action)) {
    database_.leases[lease->lease.id] = lease->lease;
  } else if (const auto* ended = std::get_if<fleet::EndLease>(&action)) {
    database_.leases.erase(ended->lease);
  } else if (const auto* question = std::get_if<fleet::LoadKnown>(&action)) {
    // Nothing is known, so that every timing of every campaign is measured and can be counted.
    step(fleet::KnownLoaded{question->campaign, question->worker_class, {}});
  } else if (const auto outgoing = to_message(action, policy_)) {
    if (std::holds_alternative<fleet::GrantLease>(action)) ++grants_;
    const auto found = slot_of_.find(outgoing->worker);
    if (found == slot_of_.end()) return;
    transmit([this, slot = found->second, id = outgoing->worker, message = outgoing->message] {
      Slot& target = slots_[slot];
      if (!target.process || target.process->id != id) return;
      perform(slot, target.process->duty->receive(clock_of(target), message));
    });
  }
}

void Cluster::deliver_to_coordinator(int slot, const WorkerId& sender,
                                     const wire::Message& message) {
  if (!dispatcher_) return;
  slot_of_[sender] = slot;
  if (const auto* hello = std::get_if<wire::Hello>(&message)) {
    fleet::WorkerArrived arrived{sender, hello->name, hello->resource, slots_[slot].worker_class};
    step(arrived);
    transmit([this, slot, sender] {
      Slot& target = slots_[slot];
      if (!target.process || target.process->id != sender) return;
      perform(slot, target.process->duty->receive(clock_of(target), wire::Welcome{1, "sim", 1000}));
    });
  } else if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&message)) {
    step(to_event(sender, *heartbeat));
  } else if (const auto* result = std::get_if<wire::Result>(&message)) {
    for (const Measurement& measurement : result->measurements) {
      if (!measurements_.insert(measurement.id).second) continue;
      if (measurement.outcome == Outcome::polluted) continue;
      ++timings_[fleet::timing_key(measurement.kernel, measurement.workload,
                                   measurement.environment, measurement.regime)];
    }
    step(to_event(sender, *result));
  } else if (std::holds_alternative<wire::Goodbye>(message)) {
    step(fleet::WorkerLeft{sender});
  }
}

// Workers.

void Cluster::start_worker(int index) {
  Slot& slot = slots_[index];
  wire::Hello hello;
  hello.worker =
      WorkerId{Hasher("sim-worker").add(static_cast<std::int64_t>(++processes_)).finish()};
  hello.name = slot.name;
  hello.resource = slot.resource;
  slot.process.emplace(Process{.id = hello.worker, .duty = std::make_unique<Duty>(hello)});
  perform(index, slot.process->duty->start(clock_of(slot)));
  tick_worker(index, hello.worker);
}

void Cluster::tick_worker(int index, const WorkerId& process) {
  Slot& slot = slots_[index];
  if (!slot.process || slot.process->id != process) return;
  perform(index, slot.process->duty->tick(clock_of(slot)));
  at(500ms, [this, index, process] { tick_worker(index, process); });
}

// Of some worker when `index` is -1, as a fault that comes again.
void Cluster::kill_worker(int index) {
  if (index < 0) {
    index = static_cast<int>(random_.below(static_cast<std::int64_t>(slots_.size())));
    at(random_time(faults_.kill_worker_s), [this] { kill_worker(-1); });
  }
  if (!slots_[index].process) return;
  ++kills_;
  slots_[index].process.reset();
  at(1s + random_time(5), [this, index] { start_worker(index); });
}

void Cluster::perform(int slot, const std::vector<Duty::Action>& actions) {
  for (const Duty::Action& action : actions) {
    std::visit([&](const auto& one) { perform(slot, one); }, action);
  }
}

void Cluster::perform(int index, const Duty::StartSitting& action) {
  Slot& slot = slots_[index];
  for (const Slot& other : slots_) {
    if (&other == &slot || other.resource != slot.resource || !other.process) continue;
    if (other.process->duty->is_entitled(clock_of(other))) ++overlaps_;
  }
  const WorkerId process = slot.process->id;
  const bool is_poison =
      faults_.poisonous_unit >= 0 &&
      action.lease.workload == numbered_workload(faults_.poisonous_unit).to_text();
  slot.process->is_sitting = true;
  const std::uint64_t sitting = ++slot.process->sitting;
  at(200ms + random_time(1), [this, index, process, sitting, action, is_poison] {
    if (!is_held(index, process, sitting)) return;
    if (is_poison) return kill_worker(index);
    end_sitting(index, hold(index, action));
  });
}

void Cluster::perform(int index, const Duty::InterruptSitting&) {
  ++interruptions_;
  const Process& process = *slots_[index].process;
  at(20ms, [this, index, id = process.id, sitting = process.sitting] {
    if (!is_held(index, id, sitting)) return;
    wire::Result result;
    result.failure = "the sitting was interrupted";
    end_sitting(index, std::move(result));
  });
}

bool Cluster::is_held(int index, const WorkerId& process, std::uint64_t sitting) const {
  const auto& now = slots_[index].process;
  return now && now->id == process && now->is_sitting && now->sitting == sitting;
}

void Cluster::end_sitting(int index, wire::Result result) {
  Slot& slot = slots_[index];
  slot.process->is_sitting = false;
  perform(index, slot.process->duty->finish_sitting(clock_of(slot), std::move(result)));
}

wire::Result Cluster::hold_study(int index, const wire::Lease& lease) {
  wire::Result result;
  result.environment = slots_[index].worker_class->environment;
  result.seconds = 1;
  result.graph = lease.graph;
  for (int i = 0; i <= lease.paths_max; ++i) {
    result.paths.push_back({numbered_path(i), "path text", 1e-3 * (i + 1)});
  }
  return result;
}

// The higher its number, the faster a path; and each sitting is as fast as its host just is.
wire::Result Cluster::hold_race(int index, const wire::Lease& lease) {
  wire::Result result;
  result.environment = slots_[index].worker_class->environment;
  result.seconds = 1;
  const double speed = random_.uniform(0.5, 2);
  for (const wire::Contender& contender : lease.paths) {
    PathMeasurement& row = result.path_measurements.emplace_back();
    row.id = {Hasher("sim-path").add(static_cast<std::int64_t>(++drawn_)).finish()};
    row.path = contender.path;
    for (int i = 0; i < 64; ++i) {
      if (numbered_path(i) == contender.path) row.summary.median_s = speed / (i + 1);
    }
    ++paths_timed_;
  }
  return result;
}

wire::Result Cluster::hold(int index, const Duty::StartSitting& sitting) {
  if (sitting.lease.kind == "study") return hold_study(index, sitting.lease);
  if (sitting.lease.kind == "race") return hold_race(index, sitting.lease);
  const Slot& slot = slots_[index];
  wire::Result result;
  result.environment = slot.worker_class->environment;
  result.seconds = 1;
  for (const KernelId& kernel : sitting.sitting.kernels) {
    for (const Regime regime : sitting.sitting.regimes) {
      Measurement& measurement = result.measurements.emplace_back();
      measurement.id = {
          Hasher("sim-measurement").add(static_cast<std::int64_t>(++drawn_)).finish()};
      measurement.kernel = kernel;
      measurement.environment = result.environment.id();
      measurement.regime = regime;
      for (std::int64_t unit = 0; unit < 64; ++unit) {
        const Workload workload = numbered_workload(static_cast<int>(unit));
        if (workload.to_text() != sitting.lease.workload) continue;
        measurement.workload = workload.id();
        break;
      }
      if (random_.uniform() < faults_.pollute) measurement.outcome = Outcome::polluted;
    }
  }
  return result;
}

void Cluster::perform(int index, const Duty::KeepResult& action) {
  slots_[index].spool.push_back(action.result);
  send_to_coordinator(index, action.result);
}

void Cluster::perform(int index, const Duty::SendMessage& action) {
  send_to_coordinator(index, action.message);
}

void Cluster::perform(int index, const Duty::Forget& action) {
  std::erase_if(slots_[index].spool, [&](const wire::Result& result) {
    return result.task == action.result.task && result.lease == action.result.lease &&
           result.block == action.result.block;
  });
}

void Cluster::perform(int index, const Duty::ResendResults&) {
  for (const wire::Result& result : slots_[index].spool) send_to_coordinator(index, result);
}

void Cluster::perform(int index, const Duty::Leave&) { slots_[index].process.reset(); }

void Cluster::send_to_coordinator(int slot, const wire::Message& message) {
  transmit([this, slot, sender = slots_[slot].process->id, message] {
    deliver_to_coordinator(slot, sender, message);
  });
}

}  // namespace paceline::testing
