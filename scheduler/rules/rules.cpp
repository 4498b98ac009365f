#include "scheduler/rules/rules.h"

#include "scheduler/rules/arguments.h"
#include "scheduler/rules/families.h"

namespace paceline::rules {

std::vector<egraph::Rule> all_rules() {
  Rules rules;
  for (const auto& family :
       {algebra, logic, views, elementwise_moves, casts, reductions, matmul, linear, quantised,
        softmax, norm, activation, rope, attention, mask, fused, convolution, packed}) {
    const Rules own = family();
    rules.insert(rules.end(), own.begin(), own.end());
  }
  return rules;
}

const egraph::Functions& functions() {
  static const egraph::Functions all = [] {
    egraph::Functions merged = shape_functions();
    for (egraph::Functions own :
         {order_functions(), value_functions(), head_functions(), channel_functions()}) {
      merged.conditions.merge(own.conditions);
      merged.attributes.merge(own.attributes);
    }
    return merged;
  }();
  return all;
}

egraph::Rules compiled_rules(const OpSet& ops) {
  const std::vector<egraph::Rule> text = all_rules();
  egraph::Rules rules = egraph::compile_rules(text, ops, functions());
  const std::vector<egraph::DynamicRule> code = dynamic_rules();
  rules.dynamic.insert(rules.dynamic.end(), code.begin(), code.end());
  return rules;
}

}  // namespace paceline::rules
