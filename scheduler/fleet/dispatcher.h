#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "scheduler/fleet/campaign.h"

namespace paceline::fleet {

// What happened. Messages may come late, doubled or never.
struct WorkerArrived {
  WorkerId worker;
  std::string name;
  std::string resource;
  std::shared_ptr<const WorkerClass> worker_class;
};
struct WorkerHeard {
  WorkerId worker;
  std::int64_t sent_ns = 0;       // By the worker's clock: orders its messages, and is echoed.
  int credit = 0;                 // Leases that it would hold at once.
  std::vector<LeaseId> leases;    // That it holds.
  std::vector<LeaseId> released;  // That it has stopped working on after a revocation.
};
struct WorkerLeft {  // In order: it has stopped measuring.
  WorkerId worker;
};
struct WorkerDrained {  // Someone wants it to leave.
  WorkerId worker;
};
// A sitting came back, and what it measured is durable already.
struct SittingReturned {
  WorkerId worker;
  TaskId task;
  LeaseId lease;
  std::uint32_t block = 0;
  std::vector<KernelId> polluted;  // To be measured again.
  std::string failure;             // Why it could not be held at all; empty when it was.
  double seconds = 0;
  std::vector<Contender> found = {};  // By a study.
  std::vector<PathTime> times = {};   // In a race.
};
struct CampaignSubmitted {
  Campaign campaign;
};
struct CampaignPaused {
  CampaignId campaign;
};
struct CampaignResumed {
  CampaignId campaign;
};
struct CampaignCancelled {
  CampaignId campaign;
};
struct KnownLoaded {  // The answer to LoadKnown.
  CampaignId campaign;
  ClassId worker_class;
  KnownTimings known;
};
struct Tick {};

using Event = std::variant<WorkerArrived, WorkerHeard, WorkerLeft, WorkerDrained, SittingReturned,
                           CampaignSubmitted, CampaignPaused, CampaignResumed, CampaignCancelled,
                           KnownLoaded, Tick>;

// What is to be done about it, in this order. The Save actions of one step are one transaction,
// which comes before any message is sent.
struct SaveCampaign {
  Campaign campaign;
};
struct SaveLane {
  Lane lane;
};
struct SaveTask {
  Task task;
};
struct SaveRace {
  CampaignId campaign;
  ClassId worker_class;
  Race race;
};
struct SaveLease {
  Lease lease;
};
struct EndLease {
  LeaseId lease;
  std::string reason;
};
// What does the store hold of the campaign's workloads for this class?
struct LoadKnown {
  CampaignId campaign;
  ClassId worker_class;
};
struct GrantLease {
  Lease lease;
  Task task;
  std::int64_t sent_ns = 0;  // The worker's stamp that the validity counts from.
  double tolerance = 0;
  double seconds_per_sitting = 0;
  int paths = 0;   // That a study is to find.
  int blocks = 0;  // Of a race.
  std::int64_t index_bound = 0;
};
struct RenewLeases {
  WorkerId worker;
  std::int64_t sent_ns = 0;
  std::vector<LeaseId> leases;
};
struct RevokeLease {
  WorkerId worker;
  LeaseId lease;
};
struct DrainWorker {
  WorkerId worker;
};
struct Acknowledge {
  WorkerId worker;
  TaskId task;
  LeaseId lease;
  std::uint32_t block = 0;
};
struct AskToIntroduce {
  WorkerId worker;
};

using Action =
    std::variant<SaveCampaign, SaveLane, SaveTask, SaveRace, SaveLease, EndLease, LoadKnown,
                 GrantLease, RenewLeases, RevokeLease, DrainWorker, Acknowledge, AskToIntroduce>;

struct Policy {
  Duration lease_valid = std::chrono::seconds(10);
  // For clocks that run at unlike rates.
  Duration lease_margin = std::chrono::seconds(1);
  Duration worker_forgotten = std::chrono::minutes(1);  // After silence.
  int strikes_max = 3;
  int pollution_attempts_max = 3;
  int race_batch = 4;  // Paths of one sitting, besides the graph as it stands.
};

// What a coordinator remembers of its campaigns over a restart.
struct Memory {
  std::vector<Campaign> campaigns;  // Running and paused ones.
  std::vector<Lane> lanes;
  std::vector<Task> tasks;    // Queued, leased and failed ones.
  std::vector<Lease> leases;  // Live ones.
  struct LaneRace {
    CampaignId campaign;
    ClassId worker_class;
    Race race;
  };
  std::vector<LaneRace> races = {};  // Studying and racing ones.
};

// A worker as status displays show it.
struct WorkerView {
  WorkerId id;
  std::string name;
  std::string machine;
  std::string resource;
  bool draining = false;
  std::string workload = {};  // That it measures; empty when idle.
  Time heard = {};
};

// Expands campaigns into tasks, grants them as leases, and takes them back when workers fall
// silent.
//
// Plain state: no clock, no socket, no thread, no database. `step` takes the time and what happened
// and returns what is to be done. A resource has at most one live lease, by this clock and with
// margin for the worker's.
class Dispatcher {
 public:
  explicit Dispatcher(Policy policy) : policy_(policy) {}

  // Takes up the work of an earlier coordinator. Leases are given their whole time again, since
  // nobody knows when they were last renewed. Call once, first.
  void restore(Memory memory, Time now);

  std::vector<Action> step(Time now, const Event& event);

  std::vector<WorkerView> workers() const;
  // Those that were heard within the time of a lease.
  std::int64_t workers_of(const ClassId& worker_class, Time now) const;
  bool knows(const CampaignId& campaign) const { return campaigns_.contains(campaign); }
  const Campaign& campaign(const CampaignId& id) const { return campaigns_.at(id).campaign; }
  const WorkerClass* find_class(const ClassId& id) const;

 private:
  struct Worker {
    WorkerId id;
    std::string name;
    std::string resource;
    ClassId worker_class;
    bool draining = false;
    int credit = 0;
    std::int64_t sent_ns = INT64_MIN;
    Time heard;
    std::uint64_t served = 0;  // When it was last granted something: fairness on a shared resource.
    std::set<LeaseId> leases;
  };
  struct Resource {
    std::optional<LeaseId> lease;
    std::set<WorkerId> workers;
  };
  struct ActiveLane {
    Lane lane;
    std::optional<KnownTimings> known;  // Nothing is granted before the store has answered.
    std::deque<TaskId> queue;
    std::map<std::int64_t, Race> races;  // That go on, by unit.
  };
  struct ActiveCampaign {
    Campaign campaign;
    std::uint64_t served = 0;  // Leases granted: campaigns of one priority share by this.
    std::map<ClassId, ActiveLane> lanes;
    std::set<TaskId> tasks;
  };

  void handle(const WorkerArrived& event);
  void handle(const WorkerHeard& event);
  void handle(const WorkerLeft& event);
  void handle(const WorkerDrained& event);
  void handle(const SittingReturned& event);
  void handle(const CampaignSubmitted& event);
  void handle(const CampaignPaused& event);
  void handle(const CampaignResumed& event);
  void handle(const CampaignCancelled& event);
  void handle(const KnownLoaded& event);
  void handle(const Tick& event);

  bool is_silent(const Worker& worker, Time now) const {
    return now - worker.heard > policy_.lease_valid;
  }
  void forget_silent_workers();
  void open_lane(ActiveCampaign& active, const ClassId& worker_class);
  void open_missing_lanes(const ClassId& worker_class);
  std::optional<Task> expand(ActiveCampaign& active, ActiveLane& lane);
  Task* next_task(const Worker& worker);
  Task* next_task(ActiveCampaign& active, const Worker& worker);
  void grant(const std::string& resource);
  void grant(Worker& worker, Task& task);

  void finish_sitting(Task& task, Sitting& sitting, const SittingReturned& event);
  void learn(const Task& task, const Sitting& sitting, const std::vector<KernelId>& polluted);
  void strike(Task& task, const std::string& reason);

  // Races: dispatcher_races.cpp.
  void restore(Memory::LaneRace& saved);
  bool has_open_measuring(const ActiveCampaign& active, const ClassId& worker_class) const;
  Task start_race(ActiveCampaign& active, ActiveLane& lane, const Unit& unit, std::int64_t index,
                  int threads);
  Task sitting_of(const Task& study, int round, int number,
                  std::vector<Contender> contenders) const;
  void finish_race_sitting(Task& task, const SittingReturned& event);
  void give_up_race_sitting(Task& task);
  void retire(Task& task, TaskState state);
  void go_on(const Task& ended);
  void drop_races(ActiveCampaign& active);
  void end_race(ActiveLane& lane, std::int64_t unit, RaceState state);
  RaceShape shape_of(const Campaign& campaign) const;
  void requeue(Task& task);
  void finish_task(Task& task, TaskState state);
  void absolve(const WorkerId& worker);
  void end_lease(const LeaseId& lease, const std::string& reason);
  void revoke(Lease& lease);
  void revoke_leases_of(const TaskId& task);
  void expire(const Lease& lease);
  void drop_queued(ActiveCampaign& active, const std::string& reason);
  void close_if_finished(const CampaignId& campaign);
  void touch(const std::string& resource) { touched_.insert(resource); }
  void touch_all();
  ActiveLane& lane_of(const Task& task);
  void save(const Task& task) { actions_.push_back(SaveTask{task}); }
  void save(const Lane& lane) { actions_.push_back(SaveLane{lane}); }
  void save(const Lane& lane, const Race& race) {
    actions_.push_back(SaveRace{lane.campaign, lane.worker_class, race});
  }

  Policy policy_;
  std::map<CampaignId, ActiveCampaign> campaigns_;
  std::unordered_map<TaskId, Task> tasks_;     // That have not ended well.
  std::unordered_map<LeaseId, Lease> leases_;  // Live ones.
  std::map<WorkerId, Worker> workers_;
  std::map<std::string, Resource> resources_;
  std::map<ClassId, std::shared_ptr<const WorkerClass>> classes_;
  // Tasks with a strike for a worker's silence, to be taken off when the worker speaks again.
  std::map<WorkerId, std::vector<TaskId>> blamed_;
  std::uint64_t grants_ = 0;

  // Of the step at hand.
  Time now_;
  std::vector<Action> actions_;
  std::set<std::string> touched_;
};

}  // namespace paceline::fleet
