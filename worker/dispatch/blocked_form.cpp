#include "worker/dispatch/blocked_form.h"

#include <utility>

#include "scheduler/layout/blocked_path.h"

namespace paceline {

std::optional<FoundPath> blocked_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                      const OpSet& ops, const Bindings& bindings,
                                      paths::PricingOptions::Guesses guesses) {
  const auto workloads = layout::workloads_of(path.path.graph, ops, bindings);
  if (workloads.empty()) return std::nullopt;
  const auto costs = dispatcher.costs_for(workloads);
  auto blocked =
      layout::blocked_path(path.path, ops, bindings, dispatcher.chooser(*costs), guesses);
  if (!blocked) return std::nullopt;
  FoundPath found{.path = std::move(blocked->path),
                  .predicted_s = path.predicted_s - blocked->saved_s,
                  .rules = {}};
  if (path.rules.empty()) return found;
  for (const std::int32_t origin : blocked->origins) {
    auto& rules = found.rules.emplace_back();
    if (origin >= 0) rules = path.rules.at(origin);
    const Node& node = found.path.graph.node(static_cast<std::int32_t>(found.rules.size()) - 1);
    if (origin < 0 || node.op != path.path.graph.node(origin).op) rules.push_back("in-blocks");
  }
  return found;
}

}  // namespace paceline
