#include "worker/dispatch/branches_form.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "common/graph/node_forms.h"
#include "scheduler/branches/bundles.h"
#include "scheduler/fleet/workloads.h"

namespace paceline {

namespace {

using branches::NodeTime;

// Less is not worth a place in a race.
constexpr double worthwhile_gain = 0.01;
// Work that is so short may be done before a second thread has joined.
constexpr double short_s = 20e-6;

// The least that one thread may take, nobody having asked it.
double hopeful_one_s(double all_s) {
  return all_s < short_s ? std::max(all_s - branches::turn_s, all_s / 2) : all_s;
}

}  // namespace

// By all threads, with the kernels of the path.
struct BranchesForm::Known {
  std::vector<NodeDecision> nodes;
  std::vector<std::optional<NodeTime>> times;
};

BranchesForm::Known BranchesForm::known(const Path& path) {
  const auto costs = dispatcher_.costs_for(workloads_of(path.graph, bindings_, ops_));
  ChooseOptions options = dispatcher_.options().choose;
  options.takes_unmeasured = true;
  Known known{.nodes = paceline::describe(path, bindings_, ops_,
                                          KernelChooser(dispatcher_.infos(), *costs, options))
                           .nodes,
              .times = std::vector<std::optional<NodeTime>>(path.graph.nodes().size())};
  for (const NodeDecision& node : known.nodes) {
    NodeTime& time = known.times[node.node].emplace();
    if (node.estimate) time.all_s = node.estimate->seconds;
  }
  return known;
}

std::vector<Workload> BranchesForm::to_measure(const Path& path) {
  Known known = this->known(path);
  for (const NodeDecision& node : known.nodes) {
    NodeTime& time = *known.times[node.node];
    if (node.device == Device{}) time.one_s = hopeful_one_s(time.all_s);
  }
  const auto bundles = find_bundles(path.graph, known.times, dispatcher_.options().threads);
  std::vector<Workload> workloads;
  for (const NodeDecision& node : known.nodes) {
    if (bundles.of[node.node] < 0) continue;
    if (std::ranges::find(workloads, node.workload) == workloads.end()) {
      workloads.push_back(node.workload);
    }
  }
  return workloads;
}

std::optional<FoundPath> BranchesForm::of(const FoundPath& path) {
  Known known = this->known(path.path);
  const auto costs = alone_.costs_for(workloads_of(path.path.graph, bindings_, ops_));
  const KernelChooser chooser = alone_.chooser(*costs);
  const std::vector<std::int32_t> first = first_of_form(path.path.graph);
  std::map<std::pair<std::int32_t, std::string>, NodeDecision> decided;  // Form and kernel.
  std::map<std::int32_t, std::string> kernels;                           // For one thread, by node.
  for (const NodeDecision& node : known.nodes) {
    if (node.device != Device{}) continue;
    const auto [at, is_new] = decided.try_emplace({first[node.node], node.kernel});
    // No coarser than the path's own.
    if (is_new) at->second = chooser.with_steps_within(node.error).decide(node.workload);
    const NodeDecision& one = at->second;
    if (one.device != Device{} || !one.estimate || !is_measured(*one.estimate)) continue;
    known.times[node.node]->one_s = one.estimate->seconds;
    kernels[node.node] = one.kernel;
  }
  const auto bundles = find_bundles(path.path.graph, known.times, dispatcher_.options().threads);
  if (bundles.saved_s < worthwhile_gain * path.predicted_s) return std::nullopt;
  FoundPath found = path;
  found.predicted_s -= bundles.saved_s;
  for (Choice& choice : found.path.choices) {
    choice.bundle = bundles.of[choice.node];
    if (choice.bundle >= 0) choice.kernel = kernels.at(choice.node);
  }
  return found;
}

}  // namespace paceline
