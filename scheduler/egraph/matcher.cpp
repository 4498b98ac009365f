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

}  // namespace

Matcher::Matcher(const EGraph& graph, const Program& program,
                 std::function<bool(const Match&)> take)
    : graph_(graph), program_(program), take_(std::move(take)) {
  match_.registers.resize(program.registers);
  match_.lists.resize(program.lists);
  match_.attributes.resize(program.attributes);
  match_.rests.resize(program.rests);
}

void Matcher::step(std::size_t at) {
  if (at == program_.left.size()) return finish();
  if (const auto* check = std::get_if<Check>(&program_.left[at])) {
    if (holds(*check)) step(at + 1);
    return;
  }
  const Bind& bind = std::get<Bind>(program_.left[at]);
  const ClassId from = match_.registers[bind.from];
  if (!graph_.may_hold(from, bind.op_index)) return;
  for (const NodeId node : graph_.nodes_of(from)) {
    if (graph_.op_index(node) == bind.op_index && !is_done_) choose(at, node);
  }
}

void Matcher::finish() {
  for (const ConditionCall& condition : program_.conditions) {
    if (!egraph::holds(condition, graph_, match_)) return;
  }
  is_done_ = !take_(match_);
}

void Matcher::choose(std::size_t at, NodeId node) {
  const Bind& bind = std::get<Bind>(program_.left[at]);
  const Operator& op = graph_.operator_of(node);
  if (op.output != bind.output || op.instance != 0) return;
  const std::vector<ClassId>& children = graph_.node(node).children;
  const auto count = static_cast<std::size_t>(bind.count);
  if (bind.list < 0 ? children.size() != count : children.size() < count) return;
  const std::size_t bound = bound_.size();
  if (fits(bind, op)) {
    if (bind.rest >= 0) match_.rests[bind.rest] = graph_.node(node).op;
    match_.nodes.push_back(node);
    orient(bind, children, at);
    match_.nodes.pop_back();
  }
  for (; bound_.size() > bound; bound_.pop_back()) match_.attributes[bound_.back()] = nullptr;
}

bool Matcher::fits(const Bind& bind, const Operator& op) {
  for (const AttributeTest& test : bind.tests) {
    const Attribute* value = op.attributes.find(test.name);
    if (test.literal) {
      if (*value != *test.literal) return false;
    } else if (match_.attributes[test.variable] != nullptr) {
      if (*value != *match_.attributes[test.variable]) return false;
    } else {
      match_.attributes[test.variable] = value;
      bound_.push_back(test.variable);
    }
  }
  return true;
}

void Matcher::orient(const Bind& bind, const std::vector<ClassId>& children, std::size_t at) {
  std::copy_n(children.begin(), bind.count, match_.registers.begin() + bind.first);
  if (bind.list >= 0) match_.lists[bind.list].assign(children.begin() + bind.count, children.end());
  step(at + 1);
  if (!bind.op->facts.commutative || bind.count != 2 || children[0] == children[1]) return;
  const std::uint64_t bit = std::uint64_t{1} << (match_.nodes.size() - 1);
  match_.registers[bind.first] = children[1];
  match_.registers[bind.first + 1] = children[0];
  match_.swaps |= bit;
  step(at + 1);
  match_.swaps &= ~bit;
}

bool Matcher::holds(const Check& check) const {
  if (check.kind == Check::Kind::equal_lists) {
    return match_.lists[check.at] == match_.lists[check.other];
  }
  const ClassId at = match_.registers[check.at];
  if (check.kind == Check::Kind::equal) return at == match_.registers[check.other];
  const Facts& facts = graph_.facts(at);
  switch (check.kind) {
    case Check::Kind::same_type:
      return facts.type == graph_.facts(match_.registers[check.other]).type;
    case Check::Kind::splat:
      return facts.splat.has_value();
    case Check::Kind::fixed:
      return facts.is_static;
    default:
      return facts.splat && same_bits(*facts.splat, rounded(check.literal, facts.type.dtype));
  }
}

std::uint64_t Match::fingerprint() const {
  std::uint64_t hash = swaps + 1;
  for (const NodeId node : nodes) {
    hash = (hash ^ static_cast<std::uint64_t>(node.value + 1)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  return hash;
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
