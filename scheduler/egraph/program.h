#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "scheduler/egraph/functions.h"
#include "scheduler/egraph/pattern.h"

namespace paceline::egraph {

// Left sides are matched by a small machine over registers that hold classes, as in de Moura and
// Bjorner, Efficient E-Matching for SMT Solvers, CADE 2007. Register 0 is the root.

struct AttributeTest {
  std::string name;
  std::optional<Attribute> literal;  // Else the slot `variable`, which may be bound before.
  int variable = -1;
};

// Chooses a node of the class in `from` and puts its children into registers first, first + 1, ...
struct Bind {
  int from = 0;
  const Op* op = nullptr;
  int op_index = 0;  // In the OpSet.
  std::int32_t output = 0;
  int first = 0;
  int count = 0;
  int list = -1;  // Where all further children go; -1: there are none.
  int rest = -1;  // Where the operator is kept for its unnamed attributes.
  std::vector<AttributeTest> tests;
};

struct Check {
  enum class Kind { equal, equal_lists, same_type, literal, splat, fixed } kind = Kind::equal;
  int at = 0;
  int other = 0;
  double literal = 0;
};

using Instruction = std::variant<Bind, Check>;

// Expressions over what was matched.
struct Call {
  enum class Kind { literal, attribute, register_, list, function } kind = Kind::literal;
  Attribute literal;
  int at = -1;
  const AttributeFunction* function = nullptr;
  std::vector<Call> arguments;
};

struct ConditionCall {
  const Condition* condition = nullptr;
  std::vector<Call> arguments;
  bool is_negated = false;
};

// A right side.
struct Build {
  Term::Kind kind = Term::Kind::variable;
  int at = -1;  // Register or list.
  const Op* op = nullptr;
  std::int32_t output = 0;
  Attributes attributes;  // Complete when `computed` is empty and there is no `rest`.
  std::vector<std::pair<std::string, Call>> computed;
  int rest = -1;
  std::vector<std::string> rest_names;
  Call value;  // Of a constant.
  std::vector<Build> children;

  bool is_fixed() const { return computed.empty() && rest < 0; }
};

struct Program {
  std::vector<Instruction> left;
  Build right;
  std::vector<ConditionCall> conditions;
  int registers = 1;
  int lists = 0;
  int attributes = 0;
  int rests = 0;
  int depth = 0;  // Ops above each other on the left.

  const Op& root() const { return *std::get<Bind>(left.front()).op; }
};

// Throws `invalid` naming the side and the place. `left` must be an op.
Program compile_program(std::string_view left, std::string_view right,
                        const std::vector<std::string>& conditions, const OpSet& ops,
                        const Functions& functions);
// A right side alone, whose variables are registers 0, 1, ... in the order given.
Program compile_term(std::string_view text, const std::vector<std::string>& variables,
                     const OpSet& ops, const Functions& functions);

}  // namespace paceline::egraph
