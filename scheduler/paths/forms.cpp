#include "scheduler/paths/forms.h"

#include <utility>

namespace paceline::paths {

Forms explore(const Graph& graph, const OpSet& ops, const egraph::Rules& rules,
              const egraph::Budget& budget, Precision precision_max,
              egraph::EGraphOptions options) {
  Forms forms{.classes = std::make_unique<egraph::EGraph>(ops, std::move(options)), .graph = graph};
  forms.originals = forms.classes->add_graph(graph);
  const auto root = [&](ValueRef value) {
    forms.roots.push_back(forms.originals[value.node][value.output]);
  };
  for (const NamedOutput& output : graph.outputs()) root(output.value);
  for (const StateUpdate& update : graph.state_updates()) root(update.value);
  forms.classes->rebuild();
  forms.report = egraph::run(*forms.classes, rules, budget, precision_max);
  return forms;
}

std::optional<std::vector<std::string>> Forms::rules_behind(egraph::NodeId chosen) const {
  const egraph::ClassId made = egraph::class_of(chosen);
  for (const auto& outputs : originals) {
    for (const egraph::ClassId original : outputs) {
      if (!classes->same(original, made)) continue;
      if (original == made || !classes->explains()) return std::vector<std::string>();
      return classes->explain(original, made).rules();
    }
  }
  return std::nullopt;
}

Precision precision_within(double tolerance) {
  if (tolerance >= 1e-3) return Precision::narrows;
  if (tolerance >= 1e-6) return Precision::approximates;
  return tolerance > 0 ? Precision::reorders : Precision::exact;
}

}  // namespace paceline::paths
