#include "worker/dispatch/first_plan.h"

#include "worker/compile/compile.h"

namespace paceline {

namespace {

// Below this nobody notices.
constexpr std::int64_t packed_bytes_min = std::int64_t{64} << 20;
// So many bytes move to and from memory for each that is packed: weights of products that share an
// input are joined first, and new pages are cleared, fetched and written. 1.2 GB took two threads
// 0.4 to 0.5 s where they read 33 GB/s.
constexpr double moved_bytes = 10;
// More would be another packing.
constexpr std::int64_t prepared_part_max = 8;

}  // namespace

double packing_s(std::int64_t packed_bytes, const Roofline& roofline) {
  return moved_bytes * static_cast<double>(packed_bytes) / roofline.bytes_per_s;
}

std::optional<Plan> first_plan(const Planned& planned, const Graph& graph, const Bindings& bindings,
                               GraphDispatcher& dispatcher, const OpSet& ops,
                               std::span<const Kernel> kernels, std::int64_t runs) {
  const std::int64_t packed_bytes = memory_need(planned.plan, bindings).prepared_bytes;
  const GraphDispatcher::Options& options = dispatcher.options();
  if (packed_bytes < packed_bytes_min || planned.plan.accelerator()) return std::nullopt;
  if (options.choose.on_miss != OnMiss::estimate) return std::nullopt;  // It might measure.
  const Decision standing = dispatcher.decide(prepare(graph, ops, kernels), bindings);
  const PlanSummary& summary = planned.summary;
  const double standing_s = summary.standing_s > 0 ? summary.standing_s : standing.predicted_s;
  const double saved_s = standing_s - summary.raced_s.value_or(summary.predicted_s);
  const double packing_s = paceline::packing_s(packed_bytes, dispatcher.roofline(DeviceKind::cpu));
  if (saved_s * static_cast<double>(runs) > packing_s) return std::nullopt;
  Plan plan = compile(standing.path, ops, kernels, bindings, {.threads = options.threads});
  if (memory_need(plan, bindings).prepared_bytes > packed_bytes / prepared_part_max) {
    return std::nullopt;
  }
  return plan;
}

}  // namespace paceline
