#include "scheduler/choose/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "common/base/error.h"
#include "common/graph/node_forms.h"
#include "scheduler/passes/statics.h"

namespace paceline {
namespace {

void add_up(Decision& decision) {
  double squares = 0;
  for (const NodeDecision& node : decision.nodes) {
    squares += node.error * node.error;
    decision.error_of_step = std::max(decision.error_of_step, node.error);
    if (node.estimate) decision.predicted_s += node.estimate->seconds;
    const bool measured_here = node.estimate && node.estimate->origin == Origin::measured_here;
    ++(measured_here ? decision.measured : decision.estimated);
  }
  decision.error = std::sqrt(squares);
}

Decision choose_once(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                     const KernelChooser& chooser) {
  std::map<std::int32_t, NodeDecision> known;  // By form: layers repeat.
  Decision decision{.path = {.graph = graph, .choices = {}}};
  const std::vector<std::int32_t> first = first_of_form(graph);
  const std::vector<bool> statics = static_nodes(graph, ops);
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind != NodeKind::op || ops.get(node.op).view) continue;
    auto found = known.find(first[i]);
    if (found == known.end()) {
      found = known.emplace(first[i], chooser.decide(workload_of(graph, i, bindings))).first;
    }
    if (!statics[i]) {
      decision.nodes.push_back(found->second);
      decision.nodes.back().node = i;
    }
    decision.path.choices.push_back({i, found->second.kernel, found->second.device});
  }
  add_up(decision);
  return decision;
}

}  // namespace

// In one error, since whoever asked for `fail` wants to know all that must be measured.
void require_measured(const std::vector<NodeDecision>& nodes) {
  std::set<std::string> missing;
  for (const NodeDecision& node : nodes) {
    if (!node.estimate || !is_measured(*node.estimate)) missing.insert(node.workload.to_text());
  }
  if (missing.empty()) return;
  throw unavailable(
      "{} workloads have no measurement (measure them, or use --on-miss estimate): {}",
      missing.size(), fmt::join(missing, "; "));
}

Decision fit(double tolerance, double step_error_max,
             const std::function<Decision(double step_error_max)>& choose) {
  Decision decision = choose(step_error_max);
  while (decision.error > tolerance) {
    const double largest = std::min(step_error_max, decision.error_of_step);
    step_error_max = largest * std::min(0.7, tolerance / decision.error);
    if (step_error_max < tolerance * 1e-5) break;  // Kernels without rivals add up to more.
    decision = choose(step_error_max);
  }
  return decision;
}

Decision choose(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                const KernelChooser& chooser, OnMiss on_miss) {
  const ChooseOptions& options = chooser.options();
  Decision decision = fit(options.tolerance, options.step_error_max, [&](double step_error_max) {
    return choose_once(graph, bindings, ops, chooser.with_steps_within(step_error_max));
  });
  if (on_miss == OnMiss::fail) require_measured(decision.nodes);
  return decision;
}

Decision describe(Path path, const Bindings& bindings, const OpSet& ops,
                  const KernelChooser& chooser) {
  const std::vector<bool> statics = static_nodes(path.graph, ops);
  const std::vector<std::int32_t> first = first_of_form(path.graph);
  std::map<std::pair<std::int32_t, std::string_view>, NodeDecision> known;  // Form and kernel.
  Decision decision;
  for (const Choice& choice : path.choices) {
    if (statics[choice.node]) continue;
    const std::pair<std::int32_t, std::string_view> key(first[choice.node], choice.kernel);
    auto found = known.find(key);
    if (found == known.end()) {
      const Workload workload = workload_of(path.graph, choice.node, bindings);
      found = known.emplace(key, chooser.decide(workload, choice.kernel)).first;
    }
    decision.nodes.push_back(found->second);
    decision.nodes.back().node = choice.node;
  }
  decision.path = std::move(path);
  add_up(decision);
  return decision;
}

}  // namespace paceline
