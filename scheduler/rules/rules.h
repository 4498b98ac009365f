#pragma once

#include <vector>

#include "scheduler/egraph/rule.h"

// The rules by which forms of a graph are equal. Their text means what egraph::Rule says.
namespace paceline::rules {

// Those that are text, each with an example graph in which it fires.
std::vector<egraph::Rule> all_rules();
// Those that are code, since they look at several nodes of one operand.
std::vector<egraph::DynamicRule> dynamic_rules();
// Named conditions and attribute functions, which the text calls.
const egraph::Functions& functions();

// All of them and the decompositions of composite ops, compiled. `ops` must outlive them.
egraph::Rules compiled_rules(const OpSet& ops);

}  // namespace paceline::rules
