#include <algorithm>

#include "common/base/error.h"
#include "scheduler/egraph/scope.h"

namespace paceline::egraph {

namespace {

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
            fmt::format("?{} is {} before, here {}", name, to_string(slot.kind), to_string(kind)));
  }

  std::string_view text_;
  const OpSet& ops_;
  Program& program_;
  Scope& scope_;
  RestNames& rests_;
  std::vector<std::pair<Term, int>> constants_;  // What they are like, where they are.
};

}  // namespace

void compile_left(std::string_view text, const OpSet& ops, Program& program, Scope& scope,
                  RestNames& rests) {
  LeftCompiler(text, ops, program, scope, rests).compile(parse_term(text, ops));
}

}  // namespace paceline::egraph
