#include "scheduler/placement/placed_path.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/graph/node_forms.h"
#include "scheduler/passes/statics.h"
#include "scheduler/paths/pricing.h"

namespace paceline::placement {
namespace {

constexpr std::string_view transfer_op = "transfer";
constexpr std::int64_t link_bytes_min = 4 << 10, link_bytes_max = 1 << 30;
constexpr std::int64_t link_step = 128;
constexpr double handover_s = 5e-6;

// The best kernel of one side for a form of nodes.
struct Side {
  std::string kernel;
  Device device;
  std::optional<double> seconds;
  double error = 0;  // step_error().
};

Side side_of(const Workload& workload, const KernelChooser& chooser) {
  const KernelChooser::Candidates found = chooser.candidates(workload);
  if (found.usable.empty()) return {};
  const KernelChooser::Candidate picked = chooser.pick(found);
  // Nothing known of a kernel: the graph has to run somewhere, and not there if it can be helped.
  constexpr double unknown_s = 1;
  return {.kernel = picked.kernel->name,
          .device = chooser.device_of(*picked.kernel),
          .seconds = picked.estimate ? paths::search_cost_s(*picked.estimate) : unknown_s,
          .error = step_error(*picked.kernel, picked.estimate, workload)};
}

struct Sides {
  Side cpu, cuda;

  // Without a side whose error is above what a step may have, where the other's is less.
  void leave_out_coarse(double step_error_max) {
    if (!cpu.seconds || !cuda.seconds) return;
    const double allowed = std::max(std::min(cpu.error, cuda.error), step_error_max);
    if (cpu.error > allowed) cpu.seconds.reset();
    if (cuda.error > allowed) cuda.seconds.reset();
  }
};

// Throws `unsupported` where no kernel takes a node, as `chooser` says it.
std::vector<Sides> sides_of(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                            const KernelChooser& chooser) {
  const std::vector<std::int32_t> first = first_of_form(graph);
  const KernelChooser cpu = chooser.among(DeviceKind::cpu);
  const KernelChooser cuda = chooser.among(DeviceKind::cuda);
  std::map<std::int32_t, Sides> known;  // By form: layers repeat.
  std::vector<Sides> sides(graph.nodes().size());
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    const Node& node = graph.node(n);
    if (node.kind != NodeKind::op || ops.get(node.op).view) continue;
    const auto [at, is_new] = known.try_emplace(first[n]);
    if (is_new) {
      const Workload workload = workload_of(graph, n, bindings);
      at->second = {side_of(workload, cpu), side_of(workload, cuda)};
      if (!at->second.cpu.seconds && !at->second.cuda.seconds) chooser.decide(workload);
      at->second.leave_out_coarse(chooser.options().step_error_max);
    }
    sides[n] = at->second;
  }
  return sides;
}

Decision choose_once(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                     const KernelChooser& chooser, const TransferTime& transfer_s) {
  const std::vector<Sides> sides = sides_of(graph, bindings, ops, chooser);
  std::vector<NodeTimes> times;
  for (const Sides& side : sides) times.push_back({side.cpu.seconds, side.cuda.seconds});
  const Placement placement = place(graph, ops, bindings, times, transfer_s);
  Path path{.graph = graph, .choices = {}};
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    if (!times[n].cpu_s && !times[n].cuda_s) continue;
    const Side& side = placement.kinds[n] == DeviceKind::cpu ? sides[n].cpu : sides[n].cuda;
    path.choices.push_back({n, side.kernel, side.device});
  }
  Decision decision = describe(std::move(path), bindings, ops,
                               chooser.with_steps_within(std::numeric_limits<double>::infinity()));
  decision.predicted_s += placement.transfer_s;
  return decision;
}

}  // namespace

Workload transfer_of(std::int64_t bytes, DeviceKind to) {
  const std::int64_t timed = std::clamp(bytes, link_bytes_min, link_bytes_max);
  const std::int64_t elements = (timed + link_step - 1) / link_step * (link_step / 8);
  const OperandType value{.dtype = Dtype::f64, .extents = {elements}};
  return {.op = std::string(transfer_op),
          .attributes = {{"to", std::string(to_string(to))}},
          .inputs = {value},
          .outputs = {value}};
}

std::vector<Workload> links() {
  std::vector<Workload> workloads;
  for (std::int64_t bytes = link_bytes_min; bytes <= link_bytes_max; bytes *= 4) {
    workloads.push_back(transfer_of(bytes, DeviceKind::cuda));
    workloads.push_back(transfer_of(bytes, DeviceKind::cpu));
  }
  return workloads;
}

std::vector<Workload> transfers_of(const Graph& graph, const OpSet& ops, const Bindings& bindings) {
  const std::vector<bool> statics = static_nodes(graph, ops);
  std::vector<Workload> workloads;
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    const Node& node = graph.node(n);
    if (statics[n] || (node.kind == NodeKind::op && ops.get(node.op).view)) continue;
    for (const TensorType& type : node.outputs) {
      auto bytes = static_cast<std::int64_t>(size_bytes(type.dtype));
      for (const Dim& dim : type.shape) bytes *= dim.evaluate(bindings);
      for (const DeviceKind to : {DeviceKind::cuda, DeviceKind::cpu}) {
        Workload workload = transfer_of(bytes, to);
        if (std::ranges::find(workloads, workload) == workloads.end()) {
          workloads.push_back(std::move(workload));
        }
      }
    }
  }
  return workloads;
}

TransferTime transfer_time(std::span<const KernelInfo> kernels, CostSource& costs) {
  return [kernels, &costs](std::int64_t bytes, DeviceKind to) {
    const Workload workload = transfer_of(bytes, to);
    std::optional<double> best;
    for (const KernelInfo& kernel : kernels) {
      if (kernel.op != transfer_op || kernel.device != DeviceKind::cuda) continue;
      if (refusal(kernel, workload)) continue;
      const auto estimate = costs.estimate(kernel, workload);
      if (!estimate || estimate->origin == Origin::roofline) continue;
      best = std::min(best.value_or(estimate->seconds), estimate->seconds);
    }
    if (!best) return guessed_transfer_s(bytes);
    const double beyond = static_cast<double>(bytes) / static_cast<double>(link_bytes_max);
    return *best * std::max(1.0, beyond) + handover_s;
  };
}

Decision choose_placed(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                       const KernelChooser& chooser, OnMiss on_miss,
                       const TransferTime& transfer_s) {
  const ChooseOptions& options = chooser.options();
  Decision decision = fit(options.tolerance, options.step_error_max, [&](double step_error_max) {
    return choose_once(graph, bindings, ops, chooser.with_steps_within(step_error_max), transfer_s);
  });
  if (on_miss == OnMiss::fail) require_measured(decision.nodes);
  return decision;
}

}  // namespace paceline::placement
