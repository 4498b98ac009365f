#include "scheduler/egraph/matcher.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "scheduler/egraph/build.h"

namespace paceline::egraph {

namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

double rounded(double value, Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return static_cast<float>(value);
    case Dtype::f16:
      return static_cast<double>(Float16(value));
    case Dtype::bf16:
      return static_cast<double>(Bfloat16(value));
    default:
      return value;
  }
}

class Matcher {
 public:
  Matcher(const EGraph& graph, const Program& program,
          const std::function<bool(const Match&)>& take)
      : graph_(graph), program_(program), take_(take) {
    match_.registers.resize(program.registers);
    match_.lists.resize(program.lists);
    match_.attributes.resize(program.attributes);
    match_.rests.resize(program.rests);
    is_bound_.resize(program.attributes);
  }

  void run(NodeId root) { choose(std::get<Bind>(program_.left[0]), root, 0); }

 private:
  void step(std::size_t at) {
    if (is_done_) return;
    if (at == program_.left.size()) return finish();
    if (const auto* check = std::get_if<Check>(&program_.left[at])) {
      if (holds(*check)) step(at + 1);
      return;
    }
    const Bind& bind = std::get<Bind>(program_.left[at]);
    for (const NodeId node : graph_.nodes_of(match_.registers[bind.from])) {
      choose(bind, node, at);
    }
  }

  void finish() {
    for (const ConditionCall& condition : program_.conditions) {
      if (!egraph::holds(condition, graph_, match_)) return;
    }
    is_done_ = !take_(match_);
  }

  void choose(const Bind& bind, NodeId id, std::size_t at) {
    const Operator& op = graph_.operator_of(id);
    if (op.op != bind.op || op.output != bind.output || op.instance != 0) return;
    const std::vector<ClassId>& children = graph_.node(id).children;
    const auto count = static_cast<std::size_t>(bind.count);
    if (bind.list < 0 ? children.size() != count : children.size() < count) return;
    std::vector<int> bound;
    if (fits(bind, op, bound)) {
      if (bind.rest >= 0) match_.rests[bind.rest] = graph_.node(id).op;
      match_.nodes.push_back(id);
      orient(bind, children, at);
      match_.nodes.pop_back();
    }
    for (const int variable : bound) is_bound_[variable] = false;
  }

  bool fits(const Bind& bind, const Operator& op, std::vector<int>& bound) {
    for (const AttributeTest& test : bind.tests) {
      const Attribute* value = op.attributes.find(test.name);
      if (test.literal) {
        if (*value != *test.literal) return false;
      } else if (is_bound_[test.variable]) {
        if (*value != *match_.attributes[test.variable]) return false;
      } else {
        is_bound_[test.variable] = true;
        match_.attributes[test.variable] = value;
        bound.push_back(test.variable);
      }
    }
    return true;
  }

  void orient(const Bind& bind, const std::vector<ClassId>& children, std::size_t at) {
    std::copy_n(children.begin(), bind.count, match_.registers.begin() + bind.first);
    if (bind.list >= 0)
      match_.lists[bind.list].assign(children.begin() + bind.count, children.end());
    step(at + 1);
    if (!bind.op->facts.commutative || bind.count != 2 || children[0] == children[1]) return;
    const std::uint64_t bit = std::uint64_t{1} << (match_.nodes.size() - 1);
    match_.registers[bind.first] = children[1];
    match_.registers[bind.first + 1] = children[0];
    match_.swaps |= bit;
    step(at + 1);
    match_.swaps &= ~bit;
  }

  bool holds(const Check& check) const {
    const ClassId at =
        check.kind == Check::Kind::equal_lists ? ClassId{} : match_.registers[check.at];
    switch (check.kind) {
      case Check::Kind::equal:
        return graph_.same(at, match_.registers[check.other]);
      case Check::Kind::equal_lists:
        return match_.lists[check.at] == match_.lists[check.other];
      case Check::Kind::same_type:
        return graph_.facts(at).type == graph_.facts(match_.registers[check.other]).type;
      case Check::Kind::splat:
        return graph_.facts(at).splat.has_value();
      case Check::Kind::fixed:
        return graph_.facts(at).is_static;
      case Check::Kind::literal:
        break;
    }
    const Facts& facts = graph_.facts(at);
    return facts.splat && same_bits(*facts.splat, rounded(check.literal, facts.type.dtype));
  }

  const EGraph& graph_;
  const Program& program_;
  const std::function<bool(const Match&)>& take_;
  Match match_;
  std::vector<bool> is_bound_;
  bool is_done_ = false;
};

}  // namespace

std::uint64_t Match::fingerprint() const {
  std::uint64_t hash = swaps + 1;
  for (const NodeId node : nodes) {
    hash = (hash ^ static_cast<std::uint64_t>(node.value + 1)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  return hash;
}

void match(const EGraph& graph, const Program& program, NodeId root,
           const std::function<bool(const Match&)>& take) {
  Matcher(graph, program, take).run(root);
}

Grounds grounds_of(const EGraph& graph, const Program& program, const Match& match) {
  Grounds grounds;
  grounds.terms.resize(program.registers);
  grounds.lists.resize(program.lists);
  grounds.terms[0] = class_of(match.nodes[0]);
  std::size_t index = 0;
  const auto add = [&](ClassId a, ClassId b) {
    if (a != b) grounds.premises.emplace_back(a, b);
  };
  for (const Instruction& instruction : program.left) {
    if (const auto* check = std::get_if<Check>(&instruction)) {
      if (check->kind == Check::Kind::equal) {
        add(grounds.terms[check->at], grounds.terms[check->other]);
      } else if (check->kind == Check::Kind::equal_lists) {
        const auto &left = grounds.lists[check->at], &right = grounds.lists[check->other];
        for (std::size_t i = 0; i < left.size(); ++i) add(left[i], right[i]);
      }
      continue;
    }
    const Bind& bind = std::get<Bind>(instruction);
    const NodeId node = match.nodes[index];
    add(grounds.terms[bind.from], class_of(node));
    const std::vector<ClassId> terms = aligned(
        graph, node,
        {match.registers.begin() + bind.first, match.registers.begin() + bind.first + bind.count});
    std::copy(terms.begin(), terms.end(), grounds.terms.begin() + bind.first);
    if (bind.list >= 0) {
      const auto children = graph.original_children(node);
      grounds.lists[bind.list].assign(children.begin() + bind.count, children.end());
    }
    ++index;
  }
  return grounds;
}

}  // namespace paceline::egraph
