#include "tests/scheduler/rules/saturate.h"

#include <algorithm>

#include "common/ops/all_ops.h"
#include "scheduler/rules/families.h"
#include "scheduler/rules/rules.h"

namespace paceline::test {

Saturated saturate(std::string_view text, const egraph::Rules& rules,
                   const SaturateOptions& options) {
  const Graph parsed = parse_graph(text, ops::all_ops());
  Saturated result;
  const egraph::Evaluation check{
      .bindings = options.bindings, .seed = options.seed, .specials = options.specials};
  result.graph =
      std::make_unique<egraph::EGraph>(ops::all_ops(), egraph::EGraphOptions{.check = check});
  result.classes = result.graph->add_graph(parsed);
  for (const NamedOutput& output : parsed.outputs()) {
    result.outputs.push_back(result.classes[output.value.node][output.value.output]);
  }
  result.report = egraph::run(*result.graph, rules, options.budget, options.precision);
  return result;
}

const egraph::Rule& rule_named(std::string_view name) {
  static const std::vector<egraph::Rule> all = rules::all_rules();
  const auto found = std::ranges::find(all, name, &egraph::Rule::name);
  check(found != all.end(), name);
  return *found;
}

egraph::Rules only(const egraph::Rule& rule) {
  return {.compiled = egraph::compile_rule(rule, ops::all_ops(), rules::functions())};
}

const egraph::Rules& every_rule() {
  static const egraph::Rules all = rules::compiled_rules(ops::all_ops());
  return all;
}

bool proves(std::string_view start, std::string_view goal, Precision precision,
            const Bindings& bindings) {
  const Saturated saturated =
      saturate(rules::graph(start), every_rule(), {.precision = precision, .bindings = bindings});
  const Graph target = parse_graph(rules::graph(goal), ops::all_ops());
  const auto classes = saturated.graph->add_graph(target);
  const ValueRef output = target.outputs()[0].value;
  return saturated.graph->same(classes[output.node][output.output], saturated.outputs[0]);
}

bool lifts_to(std::string_view start, std::string_view op, Precision precision,
              const Bindings& bindings) {
  const Saturated saturated =
      saturate(rules::graph(start), every_rule(), {.precision = precision, .bindings = bindings});
  return std::ranges::any_of(saturated.graph->nodes_of(saturated.outputs[0]),
                             [&](auto node) { return saturated.graph->operator_of(node).is(op); });
}

}  // namespace paceline::test
