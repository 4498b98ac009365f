#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/op.h"

namespace paceline::egraph {

// The text of a rule's side as a tree; what its parts mean stands at Rule. Places are offsets in
// the text, for errors.

struct Expression {
  enum class Kind { literal, variable, list, call } kind = Kind::literal;
  std::string name;  // Of a variable, of a function.
  Attribute literal;
  std::vector<Expression> arguments;
  std::size_t place = 0;
};

struct AttributeTerm {
  std::string name;
  Expression value;
  std::size_t place = 0;
};

struct Term {
  enum class Kind { variable, list, literal, constant, op } kind = Kind::variable;
  enum class Known { nothing, splat, fixed } known = Known::nothing;  // ?c:const, ?w:static
  std::string name;                                                   // Of a variable.
  double literal = 0;
  const Op* op = nullptr;
  std::int32_t output = 0;
  std::vector<AttributeTerm> attributes;
  bool takes_others = false;  // [*], [*=?rest]
  std::string rest;
  Expression value;  // Of (const VALUE ?like).
  std::vector<Term> children;
  std::size_t place = 0;
};

// Both throw `invalid` with the column and what was expected there.
Term parse_term(std::string_view text, const OpSet& ops);
struct ConditionTerm {
  Expression call;
  bool is_negated = false;
};
ConditionTerm parse_condition(std::string_view text);

[[noreturn]] void fail_at(std::string_view text, std::size_t place, std::string_view message);

}  // namespace paceline::egraph
