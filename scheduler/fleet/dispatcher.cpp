#include "scheduler/fleet/dispatcher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/error.h"

namespace paceline::fleet {

namespace {

bool runs_on(const KernelInfo& kernel, const Machine& machine) {
  return std::ranges::all_of(kernel.accepts.isa, [&](const std::string& isa) {
    return std::ranges::find(machine.isa, isa) != machine.isa.end();
  });
}

std::vector<KernelId> candidates(const WorkerClass& worker_class, const Workload& workload) {
  std::vector<KernelId> ids;
  for (const KernelInfo& kernel : worker_class.kernels) {
    if (kernel.op != workload.op || !runs_on(kernel, worker_class.machine)) continue;
    if (!refusal(kernel, workload)) ids.push_back(kernel.id());
  }
  return ids;
}

// What has not been measured. Regimes that lack the same kernels share a sitting, so that each
// kernel is checked once for both.
std::vector<Sitting> missing_sittings(const Campaign& campaign, const KnownTimings& known,
                                      const std::vector<KernelId>& kernels,
                                      const WorkloadId& workload,
                                      const EnvironmentId& environment) {
  std::vector<Sitting> sittings;
  for (const Regime regime : campaign.regimes) {
    std::vector<KernelId> missing;
    for (const KernelId& kernel : kernels) {
      if (!known.contains(timing_key(kernel, workload, environment, regime))) {
        missing.push_back(kernel);
      }
    }
    if (missing.empty()) continue;
    const auto same = std::ranges::find(sittings, missing, &Sitting::kernels);
    if (same != sittings.end()) {
      same->regimes.push_back(regime);
    } else {
      sittings.push_back({.block = static_cast<std::uint32_t>(sittings.size()),
                          .regimes = {regime},
                          .kernels = std::move(missing)});
    }
  }
  return sittings;
}

EnvironmentId environment_at(const WorkerClass& worker_class, int threads) {
  Environment environment = worker_class.environment;
  environment.threads = threads;
  return environment.id();
}

}  // namespace

void Dispatcher::restore(Memory memory, Time now) {
  for (Campaign& campaign : memory.campaigns) {
    campaigns_[campaign.id].campaign = std::move(campaign);
  }
  for (Lane& lane : memory.lanes) {
    const auto active = campaigns_.find(lane.campaign);
    if (active != campaigns_.end()) active->second.lanes[lane.worker_class].lane = std::move(lane);
  }
  for (Memory::LaneRace& race : memory.races) restore(race);
  for (Task& task : memory.tasks) {
    const auto active = campaigns_.find(task.campaign);
    if (active == campaigns_.end()) continue;
    if (task.kind != TaskKind::measure) {
      if (task.state == TaskState::failed) continue;  // Its race has gone on without it.
      task.raced = active->second.campaign.units->at(task.unit).raced;
    }
    active->second.tasks.insert(task.id);
    if (task.state == TaskState::queued) lane_of(task).queue.push_back(task.id);
    tasks_.emplace(task.id, std::move(task));
  }
  for (Lease& lease : memory.leases) {
    lease.expires = now + policy_.lease_valid + policy_.lease_margin;
    resources_[lease.resource].lease = lease.id;
    leases_.emplace(lease.id, std::move(lease));
  }
}

std::vector<Action> Dispatcher::step(Time now, const Event& event) {
  now_ = now;
  actions_.clear();
  touched_.clear();
  std::visit([this](const auto& happened) { handle(happened); }, event);
  for (const std::string& resource : touched_) grant(resource);
  return std::exchange(actions_, {});
}

// Workers.

void Dispatcher::handle(const WorkerArrived& event) {
  const ClassId worker_class = event.worker_class->id();
  classes_[worker_class] = event.worker_class;
  Worker& worker = workers_[event.worker];
  if (!worker.resource.empty()) resources_[worker.resource].workers.erase(event.worker);
  worker.id = event.worker;
  worker.name = event.name;
  worker.resource = event.resource;
  worker.worker_class = worker_class;
  worker.heard = now_;
  for (const auto& [id, lease] : leases_) {
    if (lease.worker == event.worker) worker.leases.insert(id);
  }
  resources_[event.resource].workers.insert(event.worker);
  absolve(event.worker);
  for (auto& [id, active] : campaigns_) open_lane(active, worker_class);
  touch(event.resource);
}

void Dispatcher::handle(const WorkerHeard& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end()) {
    actions_.push_back(AskToIntroduce{event.worker});
    return;
  }
  Worker& worker = found->second;
  if (event.sent_ns <= worker.sent_ns) return;  // Late or doubled.
  worker.sent_ns = event.sent_ns;
  worker.credit = event.credit;
  worker.heard = now_;
  absolve(worker.id);
  open_missing_lanes(worker.worker_class);

  RenewLeases renewed{worker.id, event.sent_ns, {}};
  for (const LeaseId& id : event.leases) {
    const auto lease = leases_.find(id);
    if (lease == leases_.end()) {
      actions_.push_back(RevokeLease{worker.id, id});
    } else if (lease->second.worker == worker.id && !lease->second.revoked) {
      lease->second.expires = now_ + policy_.lease_valid + policy_.lease_margin;
      renewed.leases.push_back(id);
    }
  }
  if (!renewed.leases.empty()) actions_.push_back(std::move(renewed));
  for (const LeaseId& id : event.released) {
    const auto lease = leases_.find(id);
    if (lease != leases_.end() && lease->second.worker == worker.id) end_lease(id, "released");
  }
  touch(worker.resource);
}

void Dispatcher::handle(const WorkerLeft& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end()) return;
  for (const LeaseId& id : std::set<LeaseId>(found->second.leases)) {
    const TaskId task = leases_.at(id).task;
    end_lease(id, "worker left");
    const auto left = tasks_.find(task);
    if (left != tasks_.end() && left->second.state == TaskState::leased) requeue(left->second);
  }
  resources_[found->second.resource].workers.erase(event.worker);
  touch(found->second.resource);
  workers_.erase(found);
  blamed_.erase(event.worker);
}

void Dispatcher::handle(const WorkerDrained& event) {
  const auto found = workers_.find(event.worker);
  if (found == workers_.end()) return;
  found->second.draining = true;
  actions_.push_back(DrainWorker{event.worker});
}

// Results.

void Dispatcher::handle(const SittingReturned& event) {
  actions_.push_back(Acknowledge{event.worker, event.task, event.lease, event.block});
  const auto found = tasks_.find(event.task);
  if (found == tasks_.end()) return;
  Task& task = found->second;
  const auto sitting = std::ranges::find(task.sittings, event.block, &Sitting::block);
  if (sitting == task.sittings.end() || sitting->done || sitting->counted == event.lease) return;
  const auto campaign = task.campaign;
  finish_sitting(task, *sitting, event);
  close_if_finished(campaign);
}

void Dispatcher::finish_sitting(Task& task, Sitting& sitting, const SittingReturned& event) {
  campaigns_.at(task.campaign).campaign.spent_s += event.seconds;
  actions_.push_back(SaveCampaign{campaigns_.at(task.campaign).campaign});
  const bool is_newest = event.lease == lease_id(task.id, task.epoch);
  if (!event.failure.empty()) {
    if (!is_newest || task.state != TaskState::leased) return;
    end_lease(event.lease, event.failure);
    strike(task, event.failure);
    return;
  }
  sitting.counted = event.lease;
  learn(task, sitting, event.polluted);
  ++sitting.attempts;
  if (!event.polluted.empty() && sitting.attempts < policy_.pollution_attempts_max) {
    sitting.kernels = event.polluted;
  } else {
    sitting.done = true;
    if (!event.polluted.empty()) task.reason = "polluted measurements remain";
  }
  if (std::ranges::all_of(task.sittings, &Sitting::done)) {
    if (task.kind != TaskKind::measure) return finish_race_sitting(task, event);
    if (is_newest) end_lease(event.lease, "done");
    finish_task(task, TaskState::done);
    return;
  }
  // Workers hold sittings in order: with none to come, what is not done has to be granted again.
  const bool is_last = std::ranges::none_of(task.sittings, [&](const Sitting& other) {
    return !other.done && other.block > event.block;
  });
  if (is_newest && is_last && task.state == TaskState::leased) {
    end_lease(event.lease, "to be repeated");
    requeue(task);
  } else {
    save(task);
  }
}

void Dispatcher::learn(const Task& task, const Sitting& sitting,
                       const std::vector<KernelId>& polluted) {
  ActiveLane& lane = lane_of(task);
  if (!lane.known) return;
  const EnvironmentId environment = environment_at(*classes_.at(task.worker_class), task.threads);
  for (const KernelId& kernel : sitting.kernels) {
    if (std::ranges::find(polluted, kernel) != polluted.end()) continue;
    for (const Regime regime : sitting.regimes) {
      lane.known->insert(timing_key(kernel, task.workload, environment, regime));
    }
  }
}

void Dispatcher::strike(Task& task, const std::string& reason) {
  ++task.strikes;
  task.reason = reason;
  if (task.strikes < policy_.strikes_max) return requeue(task);
  if (task.kind != TaskKind::measure) return give_up_race_sitting(task);
  task.state = TaskState::failed;
  ++lane_of(task).lane.failed;
  save(task);
  save(lane_of(task).lane);
}

void Dispatcher::requeue(Task& task) {
  task.state = TaskState::queued;
  lane_of(task).queue.push_back(task.id);
  save(task);
  touch_all();
}

void Dispatcher::finish_task(Task& task, TaskState state) {
  ActiveCampaign& active = campaigns_.at(task.campaign);
  ActiveLane& lane = lane_of(task);
  if (task.state == TaskState::queued) std::erase(lane.queue, task.id);
  if (task.state == TaskState::failed) --lane.lane.failed;
  if (task.state == TaskState::leased) revoke_leases_of(task.id);
  task.state = state;
  ++(state == TaskState::done ? lane.lane.done : lane.lane.skipped);
  save(task);
  save(lane.lane);
  active.tasks.erase(task.id);
  tasks_.erase(task.id);
}

// A worker that speaks again was silent, not dead: its tasks are not to blame.
void Dispatcher::absolve(const WorkerId& worker) {
  const auto blamed = blamed_.find(worker);
  if (blamed == blamed_.end()) return;
  for (const TaskId& id : blamed->second) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end() || found->second.strikes == 0) continue;
    Task& task = found->second;
    --task.strikes;
    if (task.state == TaskState::failed) {
      --lane_of(task).lane.failed;
      save(lane_of(task).lane);
      requeue(task);
    }
  }
  blamed_.erase(blamed);
}

// Campaigns.

void Dispatcher::handle(const CampaignSubmitted& event) {
  if (campaigns_.contains(event.campaign.id)) return;
  std::uint64_t served = UINT64_MAX;
  for (const auto& [id, other] : campaigns_) served = std::min(served, other.served);
  ActiveCampaign& active = campaigns_[event.campaign.id];
  active.campaign = event.campaign;
  // It shares from now on; it does not make up for what it missed.
  active.served = campaigns_.size() == 1 ? 0 : served;
  actions_.push_back(SaveCampaign{active.campaign});
  for (const auto& [id, worker] : workers_) {
    if (!is_silent(worker, now_)) open_missing_lanes(worker.worker_class);
  }
  close_if_finished(event.campaign.id);
}

void Dispatcher::handle(const CampaignPaused& event) {
  const auto found = campaigns_.find(event.campaign);
  if (found == campaigns_.end()) return;
  found->second.campaign.state = CampaignState::paused;
  actions_.push_back(SaveCampaign{found->second.campaign});
}

void Dispatcher::handle(const CampaignResumed& event) {
  const auto found = campaigns_.find(event.campaign);
  if (found == campaigns_.end()) return;
  found->second.campaign.state = CampaignState::running;
  actions_.push_back(SaveCampaign{found->second.campaign});
  touch_all();
}

void Dispatcher::handle(const CampaignCancelled& event) {
  const auto found = campaigns_.find(event.campaign);
  if (found == campaigns_.end()) return;
  ActiveCampaign& active = found->second;
  active.campaign.state = CampaignState::cancelled;
  drop_queued(active, "cancelled");
  for (const TaskId& id : std::set<TaskId>(active.tasks)) {
    Task& task = tasks_.at(id);
    if (task.state == TaskState::leased) finish_task(task, TaskState::dropped);
  }
  close_if_finished(event.campaign);
}

void Dispatcher::handle(const KnownLoaded& event) {
  const auto found = campaigns_.find(event.campaign);
  if (found == campaigns_.end()) return;
  const auto lane = found->second.lanes.find(event.worker_class);
  if (lane == found->second.lanes.end()) return;
  lane->second.known = event.known;
  touch_all();
}

// Gives up what is neither leased nor ended.
void Dispatcher::drop_queued(ActiveCampaign& active, const std::string& reason) {
  active.campaign.reason = reason;
  drop_races(active);
  for (const TaskId& id : std::set<TaskId>(active.tasks)) {
    Task& task = tasks_.at(id);
    if (task.state == TaskState::queued) finish_task(task, TaskState::dropped);
  }
  for (auto& [id, lane] : active.lanes) {
    lane.lane.skipped += lane.lane.total - lane.lane.cursor;
    lane.lane.cursor = lane.lane.total;
    save(lane.lane);
  }
}

void Dispatcher::close_if_finished(const CampaignId& id) {
  const auto found = campaigns_.find(id);
  if (found == campaigns_.end()) return;
  ActiveCampaign& active = found->second;
  Campaign& campaign = active.campaign;
  const bool is_spent = campaign.seconds_max > 0 && campaign.spent_s >= campaign.seconds_max;
  if (is_spent && campaign.reason.empty()) drop_queued(active, "budget spent");
  const bool is_cancelled = campaign.state == CampaignState::cancelled;
  const bool is_empty = campaign.units->count() == 0;
  if (active.lanes.empty() && !is_cancelled && !is_empty) return;
  const auto is_finished = [](const auto& lane) { return lane.second.lane.is_finished(); };
  if (!std::ranges::all_of(active.lanes, is_finished)) return;
  if (!is_cancelled) campaign.state = CampaignState::done;
  campaign.finished = now_;
  actions_.push_back(SaveCampaign{campaign});
  for (const TaskId& task : active.tasks) tasks_.erase(task);
  campaigns_.erase(found);
}

// Expansion and granting.

void Dispatcher::open_lane(ActiveCampaign& active, const ClassId& worker_class) {
  const auto [found, is_new] = active.lanes.try_emplace(worker_class);
  if (is_new) {
    const WorkerClass& members = *classes_.at(worker_class);
    found->second.lane = {.campaign = active.campaign.id,
                          .worker_class = worker_class,
                          .machine = members.machine.cpu_model,
                          .environment = members.environment.id(),
                          .total = active.campaign.units->count()};
    save(found->second.lane);
  }
  if (!found->second.known) actions_.push_back(LoadKnown{active.campaign.id, worker_class});
}

void Dispatcher::open_missing_lanes(const ClassId& worker_class) {
  for (auto& [id, active] : campaigns_) {
    if (!active.lanes.contains(worker_class)) open_lane(active, worker_class);
  }
}

// The next unit that has something to measure.
std::optional<Task> Dispatcher::expand(ActiveCampaign& active, ActiveLane& active_lane) {
  Lane& lane = active_lane.lane;
  const WorkerClass& worker_class = *classes_.at(lane.worker_class);
  while (lane.cursor < lane.total) {
    const Unit unit = active.campaign.units->at(lane.cursor);
    // A race is between paths whose kernels have been measured.
    if (unit.raced && has_open_measuring(active, lane.worker_class)) return std::nullopt;
    const std::int64_t index = lane.cursor++;
    const int threads = unit.threads > 0 ? unit.threads : worker_class.environment.threads;
    if (unit.raced && threads <= std::max(1, worker_class.machine.hardware_threads)) {
      return start_race(active, active_lane, unit, index, threads);
    }
    const auto kernels =
        unit.raced ? std::vector<KernelId>() : candidates(worker_class, unit.workload);
    if (kernels.empty() || threads > std::max(1, worker_class.machine.hardware_threads)) {
      ++lane.skipped;
      continue;
    }
    const WorkloadId workload = unit.workload.id();
    auto sittings = missing_sittings(active.campaign, *active_lane.known, kernels, workload,
                                     environment_at(worker_class, threads));
    if (sittings.empty()) {
      ++lane.known;
      continue;
    }
    return Task{.id = task_id(lane.campaign, lane.worker_class, index),
                .campaign = lane.campaign,
                .worker_class = lane.worker_class,
                .unit = index,
                .workload = workload,
                .workload_text = unit.workload.to_text(),
                .threads = threads,
                .sittings = std::move(sittings)};
  }
  return std::nullopt;
}

Task* Dispatcher::next_task(ActiveCampaign& active, const Worker& worker) {
  const auto found = active.lanes.find(worker.worker_class);
  if (found == active.lanes.end() || !found->second.known) return nullptr;
  ActiveLane& lane = found->second;
  if (!lane.queue.empty()) {
    const TaskId id = lane.queue.front();
    lane.queue.pop_front();
    return &tasks_.at(id);
  }
  const std::int64_t before = lane.lane.cursor;
  std::optional<Task> task = expand(active, lane);
  if (lane.lane.cursor == before) return nullptr;
  save(lane.lane);
  if (!task) return nullptr;
  active.tasks.insert(task->id);
  const TaskId id = task->id;
  return &tasks_.insert_or_assign(id, *std::move(task)).first->second;
}

// By priority; among equals from the campaign that was served least.
Task* Dispatcher::next_task(const Worker& worker) {
  std::vector<ActiveCampaign*> order;
  for (auto& [id, active] : campaigns_) {
    if (active.campaign.state == CampaignState::running) order.push_back(&active);
  }
  std::ranges::stable_sort(order, [](const ActiveCampaign* a, const ActiveCampaign* b) {
    if (a->campaign.priority != b->campaign.priority) {
      return a->campaign.priority > b->campaign.priority;
    }
    return a->served < b->served;
  });
  for (ActiveCampaign* active : order) {
    if (Task* task = next_task(*active, worker)) {
      ++active->served;
      return task;
    }
    close_if_finished(active->campaign.id);
  }
  return nullptr;
}

// To the worker that has waited longest, when nobody holds the resource.
void Dispatcher::grant(const std::string& name) {
  const Resource& resource = resources_[name];
  if (resource.lease) return;
  std::vector<Worker*> waiting;
  for (const WorkerId& id : resource.workers) {
    Worker& worker = workers_.at(id);
    const bool has_room = static_cast<int>(worker.leases.size()) < worker.credit;
    if (!worker.draining && !is_silent(worker, now_) && has_room) waiting.push_back(&worker);
  }
  std::ranges::stable_sort(waiting, {}, &Worker::served);
  for (Worker* worker : waiting) {
    if (Task* task = next_task(*worker)) return grant(*worker, *task);
  }
}

void Dispatcher::grant(Worker& worker, Task& task) {
  ++task.epoch;
  task.state = TaskState::leased;
  worker.served = ++grants_;
  const Lease lease{.id = lease_id(task.id, task.epoch),
                    .task = task.id,
                    .worker = worker.id,
                    .worker_name = worker.name,
                    .resource = worker.resource,
                    .epoch = task.epoch,
                    .granted = now_,
                    .expires = now_ + policy_.lease_valid + policy_.lease_margin};
  worker.leases.insert(lease.id);
  resources_[worker.resource].lease = lease.id;
  leases_[lease.id] = lease;
  save(task);
  actions_.push_back(SaveLease{lease});
  const Campaign& campaign = campaigns_.at(task.campaign).campaign;
  GrantLease granted{lease, task, worker.sent_ns, campaign.tolerance, campaign.seconds_per_sitting};
  granted.paths = campaign.paths;
  granted.index_bound = campaign.index_bound;
  if (task.kind == TaskKind::race) {
    granted.blocks = blocks_of_round(lane_of(task).races.at(task.unit), shape_of(campaign));
  }
  actions_.push_back(std::move(granted));
}

// Leases.

void Dispatcher::end_lease(const LeaseId& id, const std::string& reason) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return;
  const Lease& lease = found->second;
  Resource& resource = resources_[lease.resource];
  if (resource.lease == id) resource.lease.reset();
  touch(lease.resource);
  if (const auto worker = workers_.find(lease.worker); worker != workers_.end()) {
    worker->second.leases.erase(id);
  }
  actions_.push_back(EndLease{id, reason});
  leases_.erase(found);
}

void Dispatcher::revoke(Lease& lease) {
  lease.revoked = true;
  actions_.push_back(RevokeLease{lease.worker, lease.id});
  actions_.push_back(SaveLease{lease});
}

void Dispatcher::revoke_leases_of(const TaskId& task) {
  for (auto& [id, lease] : leases_) {
    if (lease.task == task && !lease.revoked) revoke(lease);
  }
}

void Dispatcher::handle(const Tick&) {
  std::vector<Lease> overdue;
  for (const auto& [id, lease] : leases_) {
    if (lease.expires < now_) overdue.push_back(lease);
  }
  std::ranges::sort(overdue, {}, &Lease::id);
  for (const Lease& lease : overdue) expire(lease);
  std::vector<CampaignId> ids;
  for (const auto& [id, active] : campaigns_) ids.push_back(id);
  for (const CampaignId& id : ids) close_if_finished(id);
  forget_silent_workers();
  touch_all();
}

void Dispatcher::forget_silent_workers() {
  std::erase_if(workers_, [this](const auto& entry) {
    const Worker& worker = entry.second;
    if (now_ - worker.heard < policy_.worker_forgotten || !worker.leases.empty()) return false;
    resources_[worker.resource].workers.erase(worker.id);
    return true;
  });
}

// A worker that was heard since never got the lease, or lost it: nobody is to blame. One that was
// not may have died of the task.
void Dispatcher::expire(const Lease& lease) {
  end_lease(lease.id, "expired");
  const auto found = tasks_.find(lease.task);
  if (found == tasks_.end() || found->second.state != TaskState::leased) return;
  Task& task = found->second;
  if (task.epoch != lease.epoch) return;
  const auto worker = workers_.find(lease.worker);
  if (worker != workers_.end() && !is_silent(worker->second, now_)) return requeue(task);
  blamed_[lease.worker].push_back(task.id);
  const CampaignId campaign = task.campaign;
  strike(task, "worker fell silent: " + lease.worker_name);
  close_if_finished(campaign);
}

Dispatcher::ActiveLane& Dispatcher::lane_of(const Task& task) {
  return campaigns_.at(task.campaign).lanes.at(task.worker_class);
}

void Dispatcher::touch_all() {
  for (const auto& [name, resource] : resources_) touched_.insert(name);
}

std::vector<WorkerView> Dispatcher::workers() const {
  std::vector<WorkerView> views;
  for (const auto& [id, worker] : workers_) {
    WorkerView view{.id = id,
                    .name = worker.name,
                    .machine = classes_.at(worker.worker_class)->machine.cpu_model,
                    .resource = worker.resource,
                    .draining = worker.draining,
                    .heard = worker.heard};
    for (const LeaseId& lease : worker.leases) {
      const auto task = tasks_.find(leases_.at(lease).task);
      if (task != tasks_.end()) view.workload = task->second.workload_text;
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::int64_t Dispatcher::workers_of(const ClassId& worker_class, Time now) const {
  return std::ranges::count_if(workers_, [&](const auto& entry) {
    return entry.second.worker_class == worker_class && !is_silent(entry.second, now);
  });
}

const WorkerClass* Dispatcher::find_class(const ClassId& id) const {
  const auto found = classes_.find(id);
  return found == classes_.end() ? nullptr : found->second.get();
}

}  // namespace paceline::fleet
