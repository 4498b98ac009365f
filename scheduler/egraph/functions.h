#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/graph/attributes.h"
#include "scheduler/egraph/ids.h"

namespace paceline::egraph {

class EGraph;

// What a condition or an attribute function is called with: an attribute (a variable of one, or a
// literal), a class (ask EGraph::facts), or the classes of a variadic variable.
using Argument = std::variant<Attribute, ClassId, std::vector<ClassId>>;
using Arguments = std::span<const Argument>;

using Condition = std::function<bool(Arguments, const EGraph&)>;
// nullopt: the rule does not apply to this match.
using AttributeFunction = std::function<std::optional<Attribute>(Arguments, const EGraph&)>;

// What the text of rules may call, by name.
struct Functions {
  std::map<std::string, Condition, std::less<>> conditions;
  std::map<std::string, AttributeFunction, std::less<>> attributes;
};

}  // namespace paceline::egraph
