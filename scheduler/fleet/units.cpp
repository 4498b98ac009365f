#include "scheduler/fleet/units.h"

#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/graph/text/names.h"
#include "scheduler/fleet/workloads.h"

namespace paceline::fleet {

namespace {

std::shared_ptr<const RacedGraph> raced_of(const Graph& graph, const Bindings& bindings) {
  for (const std::string& symbol : graph.symbols()) {
    if (bindings.contains(symbol)) continue;
    throw invalid("symbol is unbound, a race needs a value for each: {} in {}", symbol,
                  graph.name());
  }
  return std::make_shared<const RacedGraph>(
      RacedGraph{graph.id(), graph.name(), to_text(graph), bindings});
}

}  // namespace

std::string RacedGraph::title() const {
  std::string title = name;
  for (const auto& [symbol, value] : bindings) title += fmt::format(" {}={}", symbol, value);
  return title;
}

MeasuringUnits::MeasuringUnits(std::span<const Graph> graphs, std::span<const Bindings> bindings,
                               std::vector<int> threads, const OpSet& ops, bool with_races)
    : threads_(std::move(threads)) {
  std::unordered_set<WorkloadId> seen;
  for (const Graph& graph : graphs) {
    for (const Bindings& bound : bindings) {
      for (Workload& workload : workloads_of(graph, bound, ops)) {
        if (seen.insert(workload.id()).second) workloads_.push_back(std::move(workload));
      }
      if (with_races) raced_.push_back(raced_of(graph, bound));
    }
  }
}

std::int64_t MeasuringUnits::count() const {
  return static_cast<std::int64_t>((workloads_.size() + raced_.size()) * threads_.size());
}

Unit MeasuringUnits::at(std::int64_t index) const {
  const auto count = static_cast<std::int64_t>(workloads_.size());
  const auto measured = count * static_cast<std::int64_t>(threads_.size());
  if (index < measured) return {workloads_[index % count], threads_[index / count]};
  const auto raced = static_cast<std::int64_t>(raced_.size());
  return {.threads = threads_[(index - measured) / raced],
          .raced = raced_[(index - measured) % raced]};
}

}  // namespace paceline::fleet
