#include "worker/dispatch/fused_form.h"

#include <utility>

#include "scheduler/fusion/fused_path.h"

namespace paceline {

std::optional<FoundPath> fused_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                    const OpSet& ops, const Bindings& bindings,
                                    paths::PricingOptions::Guesses guesses) {
  const Graph& graph = path.path.graph;
  const std::vector<fusion::Group> groups = fusion::find_groups(graph, ops);
  if (groups.empty()) return std::nullopt;
  const auto costs = dispatcher.costs_for(fusion::workloads_of(graph, groups, ops, bindings));
  auto fused =
      fusion::fused_path(path.path, groups, ops, bindings, dispatcher.chooser(*costs), guesses);
  if (!fused) return std::nullopt;
  FoundPath found{.path = std::move(fused->path),
                  .predicted_s = path.predicted_s - fused->saved_s,
                  .rules = {}};
  if (path.rules.empty()) return found;
  for (const auto& origins : fused->origins) {
    std::vector<std::string>& rules = found.rules.emplace_back();
    for (const std::int32_t origin : origins) {
      const auto& own = path.rules.at(origin);
      rules.insert(rules.end(), own.begin(), own.end());
    }
    if (found.path.graph.node(std::ssize(found.rules) - 1).op == "fused") rules.push_back("fuse");
  }
  return found;
}

}  // namespace paceline
