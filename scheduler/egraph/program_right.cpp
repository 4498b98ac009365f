#include <algorithm>

#include "common/base/error.h"
#include "scheduler/egraph/scope.h"

namespace paceline::egraph {

namespace {

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
              fmt::format("?{} is {}, needed is {}", name, to_string(found.kind), to_string(kind)));
    }
    return found.at;
  }

  std::string_view text_;
  const Scope& scope_;
  const RestNames& rests_;
  const Functions& functions_;
};

}  // namespace

Build compile_right(std::string_view text, const Term& term, const Scope& scope,
                    const RestNames& rests, const Functions& functions) {
  return RightCompiler(text, scope, rests, functions).build(term);
}

ConditionCall compile_condition(std::string_view text, const Scope& scope,
                                const Functions& functions) {
  return RightCompiler(text, scope, {}, functions).condition(parse_condition(text));
}

}  // namespace paceline::egraph
