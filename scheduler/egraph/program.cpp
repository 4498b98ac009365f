#include "scheduler/egraph/program.h"

#include <algorithm>
#include <map>

#include "common/base/error.h"

namespace paceline::egraph {

namespace {

// What a variable of the text stands for in the program.
struct Slot {
  enum class Kind { register_, list, attribute, rest } kind;
  int at;
};

// The attributes behind [*=?rest], by the slot of the rest.
using RestNames = std::vector<std::vector<std::string>>;

std::string_view describe(Slot::Kind kind) {
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

class Scope {
 public:
  const Slot* find(const std::string& name) const {
    const auto found = slots_.find(name);
    return found == slots_.end() ? nullptr : &found->second;
  }
  void bind(const std::string& name, Slot slot) { slots_[name] = slot; }

 private:
  std::map<std::string, Slot> slots_;
};

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

class LeftCompiler {
 public:
  LeftCompiler(std::string_view text, const OpSet& ops, Program& program, Scope& scope,
               RestNames& rests)
      : text_(text), ops_(ops), program_(program), scope_(scope), rests_(rests) {}

  void compile(const Term& root) {
    if (root.kind != Term::Kind::op) fail_at(text_, root.place, "a left side is an op: (op ...)");
    bind(root, 0, 1);
    for (const auto& [like, at] : constants_) {
      const Slot* slot = scope_.find(like.name);
      if (slot == nullptr)
        fail_at(text_, like.place, fmt::format("?{} is not bound here", like.name));
      expect(*slot, Slot::Kind::register_, like.name, like.place);
      program_.left.push_back(Check{Check::Kind::same_type, at, slot->at});
    }
  }

 private:
  // Leaves are checked before ops below are matched, which is where the choices multiply.
  void bind(const Term& term, int from, int depth) {
    check_arity(term, text_);
    program_.depth = std::max(program_.depth, depth);
    Bind bind{.from = from,
              .op = term.op,
              .op_index = static_cast<int>(term.op - ops_.all().data()),
              .output = term.output,
              .first = program_.registers};
    attributes(term, bind);
    const bool has_list = !term.children.empty() && term.children.back().kind == Term::Kind::list;
    bind.count = static_cast<int>(term.children.size()) - (has_list ? 1 : 0);
    program_.registers += bind.count;
    const int first = bind.first, count = bind.count;
    if (has_list) bind.list = program_.lists++;
    const int list_at = bind.list;
    program_.left.push_back(std::move(bind));
    if (has_list) list(term.children.back(), list_at);
    for (int i = 0; i < count; ++i) leaf(term.children[i], first + i);
    for (int i = 0; i < count; ++i) {
      if (term.children[i].kind == Term::Kind::op)
        this->bind(term.children[i], first + i, depth + 1);
    }
  }

  void leaf(const Term& term, int at) {
    switch (term.kind) {
      case Term::Kind::variable:
        variable(term, at);
        break;
      case Term::Kind::literal:
        program_.left.push_back(Check{Check::Kind::literal, at, 0, term.literal});
        break;
      case Term::Kind::list:
        fail_at(text_, term.place, "on the left a list is the last child");
      case Term::Kind::constant:
        constant(term, at);
        break;
      case Term::Kind::op:
        break;
    }
  }

  // As it is built on the right: the number, with the type of a variable that is bound elsewhere.
  void constant(const Term& term, int at) {
    const Term& like = term.children[0];
    if (term.value.kind != Expression::Kind::literal || like.kind != Term::Kind::variable) {
      fail_at(text_, term.place, "on the left it is (const NUMBER ?like), or ?c:const");
    }
    program_.left.push_back(
        Check{Check::Kind::literal, at, 0, std::get<double>(term.value.literal)});
    constants_.emplace_back(like, at);
  }

  void variable(const Term& term, int at) {
    const Slot* known = scope_.find(term.name);
    if (known == nullptr) {
      scope_.bind(term.name, {Slot::Kind::register_, at});
    } else {
      expect(*known, Slot::Kind::register_, term.name, term.place);
      program_.left.push_back(Check{Check::Kind::equal, at, known->at});
    }
    if (term.known == Term::Known::splat) program_.left.push_back(Check{Check::Kind::splat, at});
    if (term.known == Term::Known::fixed) program_.left.push_back(Check{Check::Kind::fixed, at});
  }

  void list(const Term& term, int at) {
    const Slot* known = scope_.find(term.name);
    if (known == nullptr) return scope_.bind(term.name, {Slot::Kind::list, at});
    expect(*known, Slot::Kind::list, term.name, term.place);
    program_.left.push_back(Check{Check::Kind::equal_lists, at, known->at});
  }

  void attributes(const Term& term, Bind& bind) {
    std::vector<std::string> others;
    for (const AttributeSpec& spec : term.op->attributes) {
      const auto named = std::ranges::find(term.attributes, spec.name, &AttributeTerm::name);
      if (named != term.attributes.end()) {
        bind.tests.push_back(test(*named, spec));
      } else if (term.takes_others) {
        others.push_back(spec.name);
      } else if (spec.default_value) {
        const Attributes defaults = Attributes().complete(term.op->name, {spec});
        bind.tests.push_back({spec.name, *defaults.find(spec.name)});
      } else {
        fail_at(text_, term.place,
                fmt::format("{} has no default for {}, name it or write [*]", term.op->name,
                            spec.name));
      }
    }
    if (term.rest.empty()) return;
    if (scope_.find(term.rest) != nullptr) fail_at(text_, term.place, "the rest is bound before");
    bind.rest = program_.rests++;
    rests_.push_back(std::move(others));
    scope_.bind(term.rest, {Slot::Kind::rest, bind.rest});
  }

  AttributeTest test(const AttributeTerm& term, const AttributeSpec& spec) {
    const Expression& value = term.value;
    if (value.kind == Expression::Kind::literal) {
      return {spec.name, value.literal};
    }
    if (value.kind != Expression::Kind::variable) {
      fail_at(text_, value.place, "on the left an attribute is a literal or ?variable");
    }
    const Slot* known = scope_.find(value.name);
    if (known == nullptr) {
      scope_.bind(value.name, {Slot::Kind::attribute, program_.attributes++});
      known = scope_.find(value.name);
    }
    expect(*known, Slot::Kind::attribute, value.name, value.place);
    return {spec.name, std::nullopt, known->at};
  }

  void expect(const Slot& slot, Slot::Kind kind, std::string_view name, std::size_t place) const {
    if (slot.kind == kind) return;
    fail_at(text_, place,
            fmt::format("?{} is {} before, here {}", name, describe(slot.kind), describe(kind)));
  }

  std::string_view text_;
  const OpSet& ops_;
  Program& program_;
  Scope& scope_;
  RestNames& rests_;
  std::vector<std::pair<Term, int>> constants_;  // What they are like, where they are.
};

// A restriction holds wherever it stands, so that it does in rules that go both ways.
void add_restrictions(const Term& term, const Scope& scope, Program& program) {
  for (const Term& child : term.children) add_restrictions(child, scope, program);
  if (term.kind != Term::Kind::variable || term.known == Term::Known::nothing) return;
  const int at = scope.find(term.name)->at;
  const bool is_splat = term.known == Term::Known::splat;
  program.left.push_back(Check{is_splat ? Check::Kind::splat : Check::Kind::fixed, at});
}

class RightCompiler {
 public:
  RightCompiler(std::string_view text, const Scope& scope, const RestNames& rests,
                const Functions& functions)
      : text_(text), scope_(scope), rests_(rests), functions_(functions) {}

  Build build(const Term& term) const {
    switch (term.kind) {
      case Term::Kind::variable:
        return {.at = slot(term.name, term.place, Slot::Kind::register_)};
      case Term::Kind::constant:
        return {
            .kind = term.kind, .value = value(term.value), .children = {build(term.children[0])}};
      case Term::Kind::op:
        return op(term);
      case Term::Kind::list:
        fail_at(text_, term.place, "a list stands among the children of an op");
      case Term::Kind::literal:
        break;
    }
    fail_at(text_, term.place, "a number needs a type: write (const NUMBER ?like)");
  }

  ConditionCall condition(const ConditionTerm& term) const {
    const auto found = functions_.conditions.find(term.call.name);
    if (found == functions_.conditions.end()) {
      fail_at(text_, term.call.place, fmt::format("unknown condition \"{}\"", term.call.name));
    }
    return {&found->second, calls(term.call.arguments), term.is_negated};
  }

 private:
  Build op(const Term& term) const {
    check_arity(term, text_);
    Build built{.kind = term.kind, .op = term.op, .output = term.output};
    for (const AttributeTerm& attribute : term.attributes) {
      if (attribute.value.kind == Expression::Kind::literal) {
        built.attributes.set(attribute.name, attribute.value.literal);
      } else {
        built.computed.emplace_back(attribute.name, value(attribute.value));
      }
    }
    rest(term, built);
    complete(term, built);
    for (const Term& child : term.children) built.children.push_back(this->child(child));
    return built;
  }

  Build child(const Term& term) const {
    if (term.kind != Term::Kind::list) return build(term);
    return {.kind = term.kind, .at = slot(term.name, term.place, Slot::Kind::list)};
  }

  void rest(const Term& term, Build& built) const {
    if (term.takes_others && term.rest.empty()) {
      fail_at(text_, term.place, "[*] is for left sides: bind it as [*=?rest]");
    }
    if (term.rest.empty()) return;
    built.rest = slot(term.rest, term.place, Slot::Kind::rest);
    for (const std::string& name : rests_[built.rest]) {
      if (std::ranges::find(term.attributes, name, &AttributeTerm::name) != term.attributes.end()) {
        continue;
      }
      if (std::ranges::find(term.op->attributes, name, &AttributeSpec::name) ==
          term.op->attributes.end()) {
        fail_at(text_, term.place,
                fmt::format("{} has no attribute \"{}\" of ?{}", term.op->name, name, term.rest));
      }
      built.rest_names.push_back(name);
    }
  }

  // What is not named has the default; all must be there.
  void complete(const Term& term, Build& built) const {
    const auto is_given = [&](const std::string& name) {
      return std::ranges::find(term.attributes, name, &AttributeTerm::name) !=
                 term.attributes.end() ||
             std::ranges::find(built.rest_names, name) != built.rest_names.end();
    };
    for (const AttributeSpec& spec : term.op->attributes) {
      if (is_given(spec.name)) continue;
      if (!spec.default_value) {
        fail_at(text_, term.place,
                fmt::format("{} needs a value for {}", term.op->name, spec.name));
      }
      built.attributes.set(spec.name, *spec.default_value);
    }
    if (built.is_fixed()) {
      built.attributes = built.attributes.complete(term.op->name, term.op->attributes);
    }
  }

  std::vector<Call> calls(const std::vector<Expression>& expressions) const {
    std::vector<Call> compiled;
    for (const Expression& expression : expressions) compiled.push_back(call(expression));
    return compiled;
  }

  Call call(const Expression& expression) const {
    switch (expression.kind) {
      case Expression::Kind::literal:
        return {.literal = expression.literal};
      case Expression::Kind::list:
        return {.kind = Call::Kind::list,
                .at = slot(expression.name, expression.place, Slot::Kind::list)};
      case Expression::Kind::variable: {
        const Slot& found = slot(expression.name, expression.place);
        if (found.kind == Slot::Kind::register_)
          return {.kind = Call::Kind::register_, .at = found.at};
        return {.kind = Call::Kind::attribute,
                .at = slot(expression.name, expression.place, Slot::Kind::attribute)};
      }
      case Expression::Kind::call:
        break;
    }
    const auto found = functions_.attributes.find(expression.name);
    if (found == functions_.attributes.end()) {
      fail_at(text_, expression.place, fmt::format("unknown function \"{}\"", expression.name));
    }
    return {.kind = Call::Kind::function,
            .function = &found->second,
            .arguments = calls(expression.arguments)};
  }

  // An expression whose result is an attribute.
  Call value(const Expression& expression) const {
    if (expression.kind == Expression::Kind::variable) {
      slot(expression.name, expression.place, Slot::Kind::attribute);
    }
    if (expression.kind == Expression::Kind::list) {
      fail_at(text_, expression.place, "a list of classes is no attribute");
    }
    return call(expression);
  }

  const Slot& slot(const std::string& name, std::size_t place) const {
    const Slot* found = scope_.find(name);
    if (found == nullptr) fail_at(text_, place, fmt::format("?{} is not bound on the left", name));
    return *found;
  }

  int slot(const std::string& name, std::size_t place, Slot::Kind kind) const {
    const Slot& found = slot(name, place);
    if (found.kind != kind) {
      fail_at(text_, place,
              fmt::format("?{} is {}, needed is {}", name, describe(found.kind), describe(kind)));
    }
    return found.at;
  }

  std::string_view text_;
  const Scope& scope_;
  const RestNames& rests_;
  const Functions& functions_;
};

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
  located("left side",
          [&] { LeftCompiler(left, ops, program, scope, rests).compile(parse_term(left, ops)); });
  program.right = located("right side", [&] {
    const Term term = parse_term(right, ops);
    Build built = RightCompiler(right, scope, rests, functions).build(term);
    add_restrictions(term, scope, program);
    return built;
  });
  for (const std::string& text : conditions) {
    program.conditions.push_back(located(fmt::format("condition \"{}\"", text), [&] {
      return RightCompiler(text, scope, rests, functions).condition(parse_condition(text));
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
  program.right = RightCompiler(text, scope, {}, functions).build(parse_term(text, ops));
  return program;
}

}  // namespace paceline::egraph
