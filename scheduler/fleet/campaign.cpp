#include "scheduler/fleet/campaign.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace paceline::fleet {

namespace {

constexpr std::array<std::string_view, 4> campaign_states = {"running", "paused", "done",
                                                             "cancelled"};
constexpr std::array<std::string_view, 5> task_states = {"queued", "leased", "done", "failed",
                                                         "dropped"};

constexpr std::array<std::string_view, 2> strategies = {"kernels", "race"};
constexpr std::array<std::string_view, 3> task_kinds = {"measure", "study", "race"};

template <typename Enum>
std::optional<Enum> find_name(std::span<const std::string_view> names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(CampaignState state) {
  return campaign_states[static_cast<std::size_t>(state)];
}
std::optional<CampaignState> parse_campaign_state(std::string_view name) {
  return find_name<CampaignState>(campaign_states, name);
}

std::string_view to_string(TaskState state) { return task_states[static_cast<std::size_t>(state)]; }
std::optional<TaskState> parse_task_state(std::string_view name) {
  return find_name<TaskState>(task_states, name);
}

std::string_view to_string(TaskKind kind) { return task_kinds[static_cast<std::size_t>(kind)]; }
std::optional<TaskKind> parse_task_kind(std::string_view name) {
  return find_name<TaskKind>(task_kinds, name);
}

std::string_view to_string(Strategy strategy) {
  return strategies[static_cast<std::size_t>(strategy)];
}
std::optional<Strategy> parse_strategy(std::string_view name) {
  return find_name<Strategy>(strategies, name);
}

ClassId WorkerClass::id() const {
  std::vector<Digest> ids;
  for (const KernelInfo& kernel : kernels) ids.push_back(kernel.id().digest);
  std::ranges::sort(ids);
  Hasher hasher("worker-class/1");
  hasher.add(machine.id().digest).add(environment.id().digest).add(ids.size());
  for (const Digest& id : ids) hasher.add(id);
  return {hasher.finish()};
}

Digest timing_key(const KernelId& kernel, const WorkloadId& workload,
                  const EnvironmentId& environment, Regime regime) {
  return Hasher("timing-key/1")
      .add(kernel.digest)
      .add(workload.digest)
      .add(environment.digest)
      .add(to_string(regime))
      .finish();
}

TaskId task_id(const CampaignId& campaign, const ClassId& worker_class, std::int64_t unit) {
  return {Hasher("task/1").add(campaign.digest).add(worker_class.digest).add(unit).finish()};
}

TaskId race_task_id(const CampaignId& campaign, const ClassId& worker_class, std::int64_t unit,
                    int round, int number) {
  return {Hasher("race-task/1")
              .add(campaign.digest)
              .add(worker_class.digest)
              .add(unit)
              .add(round)
              .add(number)
              .finish()};
}

LeaseId lease_id(const TaskId& task, std::uint32_t epoch) {
  return {Hasher("lease/1").add(task.digest).add(static_cast<std::int64_t>(epoch)).finish()};
}

}  // namespace paceline::fleet
