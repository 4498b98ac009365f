#pragma once

#include <map>
#include <string>
#include <string_view>

#include "scheduler/egraph/egraph.h"
#include "scheduler/egraph/functions.h"

namespace paceline::egraph {

// The smallest term of a class, as rules write it, with leaves by name: "(softmax[axis=0] x)". Long
// ones are shortened by "...".
std::string to_text(const EGraph& graph, ClassId id);
// The term that was added as this node.
std::string to_text(const EGraph& graph, NodeId node);

// Adds a term written as the right side of a rule, with its variables given:
// add_term(graph, "(add ?x (const 1 ?x))", {{"x", x}}).
ClassId add_term(EGraph& graph, std::string_view text,
                 const std::map<std::string, ClassId, std::less<>>& variables,
                 const Functions& functions = {});

}  // namespace paceline::egraph
