#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "scheduler/fleet/dispatcher.h"

// The part of the dispatcher that leads races: a study, then rounds of sittings that any worker of
// the class holds. A race is one unit of its lane, however many tasks it takes.
namespace paceline::fleet {

void Dispatcher::restore(Memory::LaneRace& saved) {
  const auto active = campaigns_.find(saved.campaign);
  if (active == campaigns_.end()) return;
  const std::int64_t unit = saved.race.unit;
  saved.race.raced = active->second.campaign.units->at(unit).raced;
  active->second.lanes[saved.worker_class].races[unit] = std::move(saved.race);
}

RaceShape Dispatcher::shape_of(const Campaign& campaign) const {
  return {.rounds = campaign.rounds, .batch = policy_.race_batch};
}

bool Dispatcher::has_open_measuring(const ActiveCampaign& active,
                                    const ClassId& worker_class) const {
  return std::ranges::any_of(active.tasks, [&](const TaskId& id) {
    const Task& task = tasks_.at(id);
    return task.kind == TaskKind::measure && task.worker_class == worker_class &&
           task.state != TaskState::failed;
  });
}

Task Dispatcher::start_race(ActiveCampaign& active, ActiveLane& lane, const Unit& unit,
                            std::int64_t index, int threads) {
  Race& race = lane.races[index];
  const WorkerClass& members = *classes_.at(lane.lane.worker_class);
  Environment environment = members.environment;
  environment.threads = threads;
  race.unit = index;
  race.raced = unit.raced;
  race.machine = members.machine.id();
  race.environment = environment.id();
  race.threads = threads;
  save(lane.lane, race);
  return Task{.id = race_task_id(active.campaign.id, lane.lane.worker_class, index, 0, 0),
              .campaign = active.campaign.id,
              .worker_class = lane.lane.worker_class,
              .unit = index,
              .workload = {unit.raced->id.digest},
              .workload_text = "study of " + unit.raced->title(),
              .threads = threads,
              .sittings = {Sitting{}},
              .kind = TaskKind::study,
              .raced = unit.raced};
}

Task Dispatcher::sitting_of(const Task& earlier, int round, int number,
                            std::vector<Contender> contenders) const {
  return Task{
      .id = race_task_id(earlier.campaign, earlier.worker_class, earlier.unit, round, number),
      .campaign = earlier.campaign,
      .worker_class = earlier.worker_class,
      .unit = earlier.unit,
      .workload = earlier.workload,
      .workload_text = fmt::format("race of {}: round {}, {} paths", earlier.raced->title(), round,
                                   contenders.size()),
      .threads = earlier.threads,
      .sittings = {Sitting{}},
      .kind = TaskKind::race,
      .raced = earlier.raced,
      .round = round,
      .contenders = std::move(contenders)};
}

void Dispatcher::finish_race_sitting(Task& task, const SittingReturned& event) {
  ActiveLane& lane = lane_of(task);
  const auto race = lane.races.find(task.unit);
  if (event.lease == lease_id(task.id, task.epoch)) end_lease(event.lease, "done");
  const Task ended = task;
  retire(task, TaskState::done);
  if (race == lane.races.end()) return;
  if (ended.kind == TaskKind::race) {
    record(race->second, ended.round, event.times);
  } else if (event.found.empty()) {
    return end_race(lane, ended.unit, RaceState::failed);
  } else {
    begin(race->second, event.found, shape_of(campaigns_.at(ended.campaign).campaign));
  }
  go_on(ended);
}

// Its paths are out; a race without its study, or without its last round, has failed.
void Dispatcher::give_up_race_sitting(Task& task) {
  ActiveLane& lane = lane_of(task);
  const auto race = lane.races.find(task.unit);
  const Task ended = task;
  retire(task, TaskState::failed);
  if (race == lane.races.end()) return;
  const bool is_last =
      is_last_round(race->second, shape_of(campaigns_.at(ended.campaign).campaign));
  if (ended.kind == TaskKind::study || is_last) {
    return end_race(lane, ended.unit, RaceState::failed);
  }
  go_on(ended);
}

void Dispatcher::retire(Task& task, TaskState state) {
  if (task.state == TaskState::queued) std::erase(lane_of(task).queue, task.id);
  if (task.state == TaskState::leased) revoke_leases_of(task.id);
  task.state = state;
  save(task);
  const TaskId id = task.id;
  campaigns_.at(task.campaign).tasks.erase(id);
  tasks_.erase(id);
}

// The next round, when this one has no sitting left.
void Dispatcher::go_on(const Task& ended) {
  ActiveCampaign& active = campaigns_.at(ended.campaign);
  ActiveLane& lane = lane_of(ended);
  Race& race = lane.races.at(ended.unit);
  const RaceShape shape = shape_of(active.campaign);
  if (ended.kind == TaskKind::race) {
    const bool goes_on = std::ranges::any_of(active.tasks, [&](const TaskId& id) {
      const Task& other = tasks_.at(id);
      return other.kind == TaskKind::race && other.unit == ended.unit &&
             other.worker_class == ended.worker_class;
    });
    if (goes_on) return save(lane.lane, race);
    end_round(race, shape);
  }
  if (race.state == RaceState::done) return end_race(lane, ended.unit, RaceState::done);
  save(lane.lane, race);
  int number = 0;
  for (std::vector<Contender>& contenders : batches(race, shape)) {
    Task task = sitting_of(ended, race.round, number++, std::move(contenders));
    active.tasks.insert(task.id);
    lane.queue.push_back(task.id);
    save(task);
    const TaskId id = task.id;
    tasks_.insert_or_assign(id, std::move(task));
  }
  touch_all();
}

void Dispatcher::drop_races(ActiveCampaign& active) {
  for (const TaskId& id : std::set<TaskId>(active.tasks)) {
    Task& task = tasks_.at(id);
    if (task.kind != TaskKind::measure) retire(task, TaskState::dropped);
  }
  for (auto& [worker_class, lane] : active.lanes) {
    while (!lane.races.empty()) end_race(lane, lane.races.begin()->first, RaceState::dropped);
  }
}

void Dispatcher::end_race(ActiveLane& lane, std::int64_t unit, RaceState state) {
  const auto race = lane.races.find(unit);
  race->second.state = state;
  save(lane.lane, race->second);
  lane.races.erase(race);
  Lane& counts = lane.lane;
  ++(state == RaceState::done     ? counts.done
     : state == RaceState::failed ? counts.failed
                                  : counts.skipped);
  save(counts);
}

}  // namespace paceline::fleet
