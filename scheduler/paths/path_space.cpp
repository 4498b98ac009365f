#include "scheduler/paths/path_space.h"

#include <algorithm>
#include <utility>

#include "scheduler/regions/regions.h"

namespace paceline::paths {

namespace {

// A term that the given graph has no value for stands there by the rules of those who read it.
void pass_on(const Graph& graph, const std::vector<bool>& has_original,
             std::vector<std::vector<std::string>>& rules) {
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    for (const ValueRef input : graph.nodes()[i].inputs) {
      if (has_original[input.node]) continue;
      std::vector<std::string>& own = rules[input.node];
      for (const std::string& rule : rules[i]) {
        if (std::ranges::find(own, rule) == own.end()) own.push_back(rule);
      }
    }
  }
}

}  // namespace

struct PathSpace::Impl {
  Graph graph;
  const OpSet& ops;
  Regions regions;
  std::vector<Forms> forms;  // By kind of region.
  std::vector<Part> parts;

  // Each kind as the solution has it.
  std::vector<BuiltPart> build_all(const PricedForms& priced,
                                   const search::Solution& solution) const {
    const search::Solution lifted = priced.free_of_views->lift(solution);
    std::vector<BuiltPart> built;
    for (std::size_t kind = 0; kind < parts.size(); ++kind) {
      built.push_back(build(priced, parts, static_cast<std::int32_t>(kind), lifted));
    }
    return built;
  }

  Assembled assemble_all(const std::vector<BuiltPart>& built) const {
    std::vector<Graph> solved;
    for (const BuiltPart& part : built) solved.push_back(part.path.graph);
    return assemble(graph, regions, solved, ops);
  }
};

PathSpace::PathSpace(const Graph& graph, const OpSet& ops, const egraph::Rules& rules,
                     const SpaceOptions& options)
    : impl_(new Impl{
          .graph = graph, .ops = ops, .regions = split(graph, ops), .forms = {}, .parts = {}}) {
  for (const Graph& region : impl_->regions.distinct) {
    impl_->forms.push_back(explore(region, ops, rules, options.budget, options.precision_max,
                                   {.explain = options.explain}));
  }
  for (std::size_t kind = 0; kind < impl_->forms.size(); ++kind) {
    impl_->parts.push_back(
        {&impl_->forms[kind], static_cast<int>(std::ranges::count(
                                  impl_->regions.kind, static_cast<std::int32_t>(kind)))});
  }
}

PathSpace::~PathSpace() = default;
PathSpace::PathSpace(PathSpace&&) noexcept = default;

std::vector<Workload> PathSpace::workloads(const Bindings& bindings) const {
  return workloads_of(impl_->parts, bindings);
}

PricedForms PathSpace::price(const Bindings& bindings, const KernelChooser& chooser,
                             const PricingOptions& options) const {
  return paths::price(impl_->parts, bindings, chooser, options);
}

PathSpace::Explained PathSpace::explained_path(const PricedForms& priced,
                                               const search::Solution& solution) const {
  const std::vector<BuiltPart> built = impl_->build_all(priced, solution);
  Assembled whole = impl_->assemble_all(built);
  Explained explained{.path = {.graph = std::move(whole.graph), .choices = {}}, .rules = {}};
  std::vector<std::map<std::int32_t, const Choice*>> choices(built.size());
  for (std::size_t kind = 0; kind < built.size(); ++kind) {
    for (const Choice& choice : built[kind].path.choices) choices[kind][choice.node] = &choice;
  }
  explained.rules.resize(whole.origins.size());
  std::vector<bool> has_original(whole.origins.size(), true);
  for (std::size_t i = 0; i < whole.origins.size(); ++i) {
    const auto& [kind, node] = whole.origins[i];
    if (kind < 0) continue;
    const auto found = choices[kind].find(node);
    if (found != choices[kind].end()) {
      const Choice& choice = *found->second;
      explained.path.choices.push_back(
          {static_cast<std::int32_t>(i), choice.kernel, choice.device});
    }
    const auto rules = impl_->forms[kind].rules_behind(built[kind].terms[node]);
    has_original[i] = rules.has_value();
    if (rules) explained.rules[i] = *rules;
  }
  pass_on(explained.path.graph, has_original, explained.rules);
  return explained;
}

Path PathSpace::path(const PricedForms& priced, const search::Solution& solution) const {
  return explained_path(priced, solution).path;
}

std::vector<RegionReport> PathSpace::report() const {
  std::vector<RegionReport> reports;
  for (const Part& part : impl_->parts) {
    reports.push_back({part.count, static_cast<std::int64_t>(part.forms->graph.nodes().size()),
                       part.forms->report});
  }
  return reports;
}

}  // namespace paceline::paths
