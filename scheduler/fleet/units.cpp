#include "scheduler/fleet/units.h"

#include <unordered_set>
#include <utility>

#include "scheduler/fleet/workloads.h"

namespace paceline::fleet {

MeasuringUnits::MeasuringUnits(std::span<const Graph> graphs, std::span<const Bindings> bindings,
                               std::vector<int> threads, const OpSet& ops)
    : threads_(std::move(threads)) {
  std::unordered_set<WorkloadId> seen;
  for (const Graph& graph : graphs) {
    for (const Bindings& bound : bindings) {
      for (Workload& workload : workloads_of(graph, bound, ops)) {
        if (seen.insert(workload.id()).second) workloads_.push_back(std::move(workload));
      }
    }
  }
}

std::int64_t MeasuringUnits::count() const {
  return static_cast<std::int64_t>(workloads_.size() * threads_.size());
}

Unit MeasuringUnits::at(std::int64_t index) const {
  const auto count = static_cast<std::int64_t>(workloads_.size());
  return {workloads_[index % count], threads_[index / count]};
}

}  // namespace paceline::fleet
