#include "worker/dispatch/fused_form.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/error.h"
#include "scheduler/fusion/fused_path.h"
#include "scheduler/fusion/steps.h"

namespace paceline {

namespace {

using Guesses = paths::PricingOptions::Guesses;

std::optional<fusion::FusedPath> with_groups(const Path& path,
                                             const std::vector<fusion::Group>& groups,
                                             GraphDispatcher& dispatcher, const OpSet& ops,
                                             const Bindings& bindings, Guesses guesses) {
  if (groups.empty()) return std::nullopt;
  const auto costs = dispatcher.costs_for(fusion::workloads_of(path.graph, groups, ops, bindings));
  return fusion::fused_path(path, groups, ops, bindings, dispatcher.chooser(*costs), guesses);
}

std::optional<FoundPath> form_of(const FoundPath& path, std::optional<fusion::FusedPath> fused,
                                 const std::string& name) {
  if (!fused) return std::nullopt;
  FoundPath found{.path = std::move(fused->path),
                  .predicted_s = path.predicted_s - fused->saved_s,
                  .rules = {}};
  if (path.rules.empty()) return found;
  for (std::size_t n = 0; n < fused->origins.size(); ++n) {
    std::vector<std::string>& rules = found.rules.emplace_back();
    for (const std::int32_t origin : fused->origins[n]) {
      const auto& own = path.rules.at(origin);
      rules.insert(rules.end(), own.begin(), own.end());
    }
    if (fused->is_group[n]) rules.push_back(name);
  }
  return found;
}

}  // namespace

std::optional<FoundPath> fused_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                    const OpSet& ops, const Bindings& bindings, Guesses guesses) {
  const auto groups = fusion::find_groups(path.path.graph, ops);
  return form_of(path, with_groups(path.path, groups, dispatcher, ops, bindings, guesses), "fuse");
}

std::optional<FoundPath> steps_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                    const OpSet& ops, const Bindings& bindings, Guesses guesses) {
  const auto groups = fusion::find_steps(path.path.graph, ops);
  return form_of(path, with_groups(path.path, groups, dispatcher, ops, bindings, guesses),
                 "in-one-step");
}

std::vector<Workload> steps_to_measure(const Graph& graph, GraphDispatcher& dispatcher,
                                       const OpSet& ops, const Bindings& bindings) {
  std::vector<Workload> workloads;
  const auto groups = fusion::find_steps(graph, ops);
  if (groups.empty()) return workloads;
  Path standing;
  try {
    standing = dispatcher.known_best(graph, bindings, OnMiss::estimate).path;
  } catch (const Error& error) {
    // No kernel takes some node: there is no path whose steps these would be.
    if (error.kind() != ErrorKind::unsupported) throw;
    return workloads;
  }
  const auto steps = with_groups(standing, groups, dispatcher, ops, bindings, Guesses::hopeful);
  if (!steps) return workloads;
  for (std::int32_t n = 0; n < std::ssize(steps->path.graph.nodes()); ++n) {
    if (!steps->is_group[n]) continue;
    Workload workload = workload_of(steps->path.graph, n, bindings);
    const bool is_new = std::ranges::find(workloads, workload) == workloads.end();
    if (is_new) workloads.push_back(std::move(workload));
  }
  return workloads;
}

}  // namespace paceline
