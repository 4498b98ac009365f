#include "scheduler/egraph/rule.h"

#include <set>

#include "common/base/error.h"
#include "scheduler/egraph/program.h"

namespace paceline::egraph {

namespace {

CompiledRule compile(const Rule& rule, const std::string& name, std::string_view left,
                     std::string_view right, const OpSet& ops, const Functions& functions) {
  try {
    return {
        name, rule.precision,
        std::make_shared<Program>(compile_program(left, right, rule.conditions, ops, functions))};
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("rule \"{}\": {}", name, error.what()));
  }
}

}  // namespace

std::vector<CompiledRule> compile_rule(const Rule& rule, const OpSet& ops,
                                       const Functions& functions) {
  std::vector<CompiledRule> compiled;
  compiled.push_back(compile(rule, rule.name, rule.left, rule.right, ops, functions));
  if (rule.both_ways) {
    compiled.push_back(
        compile(rule, rule.name + "-reversed", rule.right, rule.left, ops, functions));
  }
  return compiled;
}

Rules compile_rules(std::span<const Rule> rules, const OpSet& ops, const Functions& functions) {
  Rules all{.dynamic = decompose_rules(ops)};
  std::set<std::string> names;
  for (const DynamicRule& rule : all.dynamic) names.insert(rule.name);
  for (const Rule& rule : rules) {
    for (CompiledRule& compiled : compile_rule(rule, ops, functions)) {
      if (!names.insert(compiled.name).second)
        throw invalid("two rules named \"{}\"", compiled.name);
      all.compiled.push_back(std::move(compiled));
    }
  }
  return all;
}

}  // namespace paceline::egraph
