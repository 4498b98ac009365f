#include "worker/dispatch/first_plan.h"

#include "worker/compile/compile.h"

namespace paceline {

namespace {

// Below this nobody notices.
constexpr std::int64_t packed_bytes_min = std::int64_t{64} << 20;
// Weights of 1.2 GB, in memory, take two threads 0.4 to 0.5 s.
constexpr double packed_bytes_per_s = 3e9;
// More would be another packing.
constexpr std::int64_t prepared_part_max = 8;

}  // namespace

std::optional<Plan> first_plan(const Planned& planned, const Graph& graph, const Bindings& bindings,
                               GraphDispatcher& dispatcher, const OpSet& ops,
                               std::span<const Kernel> kernels) {
  const std::int64_t packed_bytes = memory_need(planned.plan, bindings).prepared_bytes;
  const GraphDispatcher::Options& options = dispatcher.options();
  if (packed_bytes < packed_bytes_min || planned.plan.accelerator()) return std::nullopt;
  if (options.choose.on_miss != OnMiss::estimate) return std::nullopt;  // It might measure.
  const Decision standing = dispatcher.decide(prepare(graph, ops, kernels), bindings);
  const PlanSummary& summary = planned.summary;
  const double standing_s = summary.standing_s > 0 ? summary.standing_s : standing.predicted_s;
  const double saved_s = standing_s - summary.raced_s.value_or(summary.predicted_s);
  if (saved_s > static_cast<double>(packed_bytes) / packed_bytes_per_s) return std::nullopt;
  Plan plan = compile(standing.path, ops, kernels, bindings, {.threads = options.threads});
  if (memory_need(plan, bindings).prepared_bytes > packed_bytes / prepared_part_max) {
    return std::nullopt;
  }
  return plan;
}

}  // namespace paceline
