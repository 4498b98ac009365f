#include "scheduler/egraph/program.h"

#include <algorithm>

#include "common/base/error.h"
#include "scheduler/egraph/scope.h"

namespace paceline::egraph {

std::string_view to_string(Slot::Kind kind) {
  switch (kind) {
    case Slot::Kind::register_:
      return "a class";
    case Slot::Kind::list:
      return "a list of classes";
    case Slot::Kind::attribute:
      return "an attribute";
    case Slot::Kind::rest:
      break;
  }
  return "all other attributes";
}

void check_arity(const Term& term, std::string_view text) {
  const Op& op = *term.op;
  const auto is_list = [](const Term& child) { return child.kind == Term::Kind::list; };
  const auto lists = std::ranges::count_if(term.children, is_list);
  const auto count = static_cast<int>(term.children.size() - lists);
  const bool enough = lists > 0 || count >= op.input_count_min;
  if (enough && (op.input_count_max < 0 || count <= op.input_count_max)) return;
  fail_at(text, term.place,
          fmt::format("{} takes {} to {} children, not {}", op.name, op.input_count_min,
                      op.input_count_max < 0 ? "any number" : std::to_string(op.input_count_max),
                      count));
}

namespace {

// A restriction holds wherever it stands, so that it does in rules that go both ways.
void add_restrictions(const Term& term, const Scope& scope, Program& program) {
  for (const Term& child : term.children) add_restrictions(child, scope, program);
  if (term.kind != Term::Kind::variable || term.known == Term::Known::nothing) return;
  const int at = scope.find(term.name)->at;
  const bool is_splat = term.known == Term::Known::splat;
  program.left.push_back(Check{is_splat ? Check::Kind::splat : Check::Kind::fixed, at});
}

template <typename Compile>
auto located(std::string_view where, Compile compile) {
  try {
    return compile();
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}, {}", where, error.what()));
  }
}

}  // namespace

Program compile_program(std::string_view left, std::string_view right,
                        const std::vector<std::string>& conditions, const OpSet& ops,
                        const Functions& functions) {
  Program program;
  Scope scope;
  RestNames rests;
  located("left side", [&] { compile_left(left, ops, program, scope, rests); });
  program.right = located("right side", [&] {
    const Term term = parse_term(right, ops);
    Build built = compile_right(right, term, scope, rests, functions);
    add_restrictions(term, scope, program);
    return built;
  });
  for (const std::string& text : conditions) {
    program.conditions.push_back(located(fmt::format("condition \"{}\"", text), [&] {
      return compile_condition(text, scope, functions);
    }));
  }
  return program;
}

Program compile_term(std::string_view text, const std::vector<std::string>& variables,
                     const OpSet& ops, const Functions& functions) {
  Program program;
  Scope scope;
  program.registers = 0;
  for (const std::string& name : variables) {
    scope.bind(name, {Slot::Kind::register_, program.registers++});
  }
  program.right = compile_right(text, parse_term(text, ops), scope, {}, functions);
  return program;
}

}  // namespace paceline::egraph
