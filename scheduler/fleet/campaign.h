#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/base/id.h"
#include "common/base/time.h"
#include "common/graph/kernel_info.h"
#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "scheduler/fleet/race.h"
#include "scheduler/fleet/units.h"

// The nouns of the dispatcher: what a user submits, its parts, and who does them.
namespace paceline::fleet {

using ClassId = Id<struct ClassTag>;

// Workers whose timings are interchangeable: the same machine, environment and kernels. Each class
// measures a campaign for itself.
struct WorkerClass {
  Machine machine;
  Environment environment;
  std::vector<KernelInfo> kernels;

  ClassId id() const;
};

// Names what a timing answers; a set of them is what a class knows already.
Digest timing_key(const KernelId& kernel, const WorkloadId& workload,
                  const EnvironmentId& environment, Regime regime);
using KnownTimings = std::unordered_set<Digest>;

enum class CampaignState { running, paused, done, cancelled };
std::string_view to_string(CampaignState state);
std::optional<CampaignState> parse_campaign_state(std::string_view name);

// How a campaign uses its time: "kernels" measures each workload's kernels; "race" then also finds
// paths made of them and times these whole.
enum class Strategy { kernels, race };
std::string_view to_string(Strategy strategy);
std::optional<Strategy> parse_strategy(std::string_view name);

struct Campaign {
  CampaignId id;
  std::string name;
  std::string model;
  int priority = 0;  // Higher goes first; equals share.
  std::vector<Regime> regimes;
  double tolerance = 0;
  double seconds_per_sitting = 0;
  double seconds_max = 0;  // Of measuring in all; 0: no limit.
  std::shared_ptr<const Units> units;
  Strategy strategy = Strategy::kernels;
  int paths = 0;                 // Of a race: that a study finds, besides the graph as it stands.
  int rounds = 0;                // Of a race, at most.
  std::int64_t index_bound = 0;  // Of whole-number inputs that are drawn; 0: nothing said.

  CampaignState state = CampaignState::running;
  std::string reason;  // Why it ended before everything was tried; empty otherwise.
  double spent_s = 0;
  Time submitted;
  std::optional<Time> finished;
};

// A campaign's units on one class. Each unit ends as one of the four counts; those below `cursor`
// that have not ended are tasks.
struct Lane {
  CampaignId campaign;
  ClassId worker_class;
  std::string machine;  // CPU model, for people.
  EnvironmentId environment;
  std::int64_t total = 0;
  std::int64_t cursor = 0;
  std::int64_t done = 0;
  std::int64_t known = 0;    // Every timing was there before.
  std::int64_t skipped = 0;  // No kernel takes it, or the campaign ended first.
  std::int64_t failed = 0;

  bool is_finished() const { return done + known + skipped + failed == total; }
};

// Kernels compared in each of the regimes, their blocks interleaved.
struct Sitting {
  std::uint32_t block = 0;
  std::vector<Regime> regimes = {};
  std::vector<KernelId> kernels = {};  // Still to measure.
  int attempts = 0;
  LeaseId counted = {};  // Whose result was counted last: a doubled one changes nothing.
  bool done = false;
};

enum class TaskState { queued, leased, done, failed, dropped };
std::string_view to_string(TaskState state);
std::optional<TaskState> parse_task_state(std::string_view name);

// What a task asks of a worker: to compare kernels of a workload, to find the paths of a graph that
// are worth racing, to time some of them whole.
enum class TaskKind { measure, study, race };
std::string_view to_string(TaskKind kind);
std::optional<TaskKind> parse_task_kind(std::string_view name);

// The smallest thing that is granted: one unit on one class; of a race, one of its sittings.
struct Task {
  TaskId id;  // Of campaign, class and unit: expanding twice gives the same task.
  CampaignId campaign;
  ClassId worker_class;
  std::int64_t unit = 0;
  WorkloadId workload;        // Of a race: the graph's digest.
  std::string workload_text;  // Of a race: what it is about, for people.
  int threads = 1;
  std::vector<Sitting> sittings;
  TaskState state = TaskState::queued;
  int strikes = 0;  // Workers that fell silent on it, and sittings that could not be held.
  std::string reason = {};
  std::uint32_t epoch = 0;  // Of its newest lease.
  TaskKind kind = TaskKind::measure;
  // Of a study and of a race, which have one sitting without kernels.
  std::shared_ptr<const RacedGraph> raced = nullptr;
  int round = 0;
  std::vector<Contender> contenders = {};
};

TaskId task_id(const CampaignId& campaign, const ClassId& worker_class, std::int64_t unit);
// Of the sittings of a race; the study is number 0 of round 0.
TaskId race_task_id(const CampaignId& campaign, const ClassId& worker_class, std::int64_t unit,
                    int round, int number);
LeaseId lease_id(const TaskId& task, std::uint32_t epoch);

// A worker's timed right to do a task, with its resource to itself.
struct Lease {
  LeaseId id;
  TaskId task;
  WorkerId worker;
  std::string worker_name;
  std::string resource;
  std::uint32_t epoch = 0;
  Time granted;
  Time expires;          // By the coordinator's clock, with margin: the worker stops earlier.
  bool revoked = false;  // Not renewed; the resource is free when the worker says so or at expiry.
};

}  // namespace paceline::fleet
