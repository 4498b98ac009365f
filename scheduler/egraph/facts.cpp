#include "scheduler/egraph/facts.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/graph/reference.h"
#include "scheduler/egraph/class_values.h"
#include "scheduler/egraph/egraph.h"
#include "scheduler/egraph/proof_forest.h"
#include "scheduler/passes/fold_node.h"

namespace paceline::egraph {

namespace {

std::optional<std::int64_t> count_of(const TensorType& type) {
  return element_count(type.shape).constant();
}

bool is_fixed(const TensorType& type) { return symbols_of(type.shape).empty(); }

// Doubles hold every float and bool, and integers up to here.
constexpr double exact_integer_max = 0x1p53;

std::optional<double> splat_of(const Tensor& tensor) {
  if (tensor.element_count() == 0) return std::nullopt;
  const std::size_t size = size_bytes(tensor.dtype());
  const auto* bytes = static_cast<const std::byte*>(tensor.data());
  const bool is_uniform = std::equal(bytes + size, bytes + tensor.size_bytes(), bytes);
  if (!is_uniform) return std::nullopt;
  const Tensor first(tensor.dtype(), {}, nullptr, tensor.data());
  const double value = first.to_doubles()[0];
  if (is_integer(tensor.dtype()) && std::abs(value) >= exact_integer_max) return std::nullopt;
  return value;
}

std::shared_ptr<const Tensor> filled(double value, const TensorType& type) {
  Tensor tensor(Dtype::f64, evaluate(type.shape, {}));
  std::fill_n(tensor.as<double>(), tensor.element_count(), value);
  return std::make_shared<Tensor>(tensor.cast(type.dtype));
}

bool is_small(const TensorType& type) {
  const auto count = count_of(type);
  return count && *count <= constant_elements_max;
}

Facts facts_of_leaf(const Operator& leaf) {
  Facts facts{.type = leaf.type};
  facts.is_version = leaf.kind == NodeKind::state;
  facts.is_static =
      is_fixed(leaf.type) && (leaf.kind == NodeKind::weight || leaf.kind == NodeKind::constant);
  if (leaf.kind != NodeKind::constant) return facts;
  facts.splat = splat_of(leaf.constant);
  if (is_small(leaf.type)) facts.constant = std::make_shared<Tensor>(leaf.constant);
  return facts;
}

}  // namespace

bool learns(const Facts& facts, const Facts& from) {
  return (from.is_static && !facts.is_static) || (from.is_version && !facts.is_version) ||
         (from.splat && !facts.splat) || (from.constant && !facts.constant);
}

void join_facts(Facts& into, const Facts& from) {
  into.is_static = into.is_static || from.is_static;
  into.is_version = into.is_version || from.is_version;
  if (!into.splat) into.splat = from.splat;
  if (!into.constant) into.constant = from.constant;
}

std::vector<TensorType> EGraph::infer_outputs(const ENode& node) const {
  const Operator& op = operators_[node.op];
  std::vector<TensorType> types;
  types.reserve(node.children.size());
  for (const ClassId child : node.children) types.push_back(facts(child).type);
  return infer_types(*op.op, types, op.attributes);
}

Facts EGraph::infer_facts(const ENode& node) const {
  const Operator& op = operators_[node.op];
  if (op.kind != NodeKind::op) return facts_of_leaf(op);
  std::vector<TensorType> types = infer_outputs(node);
  if (op.output < 0 || op.output >= static_cast<std::int32_t>(types.size())) {
    throw invalid("{} has {} outputs, no output {}", op.op->name, types.size(), op.output);
  }
  Facts facts{.type = std::move(types[op.output])};
  if (!node.children.empty()) facts.device = this->facts(node.children[0]).device;
  infer_values(node, facts);
  return facts;
}

void EGraph::infer_values(const ENode& node, Facts& facts) const {
  const Operator& op = operators_[node.op];
  if (op.kind != NodeKind::op || op.instance != 0) return;
  const auto all = [&](auto holds) {
    return std::ranges::all_of(node.children,
                               [&](ClassId child) { return holds(this->facts(child)); });
  };
  const std::optional<int> updated = op.op->updated_input(op.output);
  facts.is_version = updated && this->facts(node.children[*updated]).is_version;
  facts.is_static = all([](const Facts& child) { return child.is_static; }) &&
                    is_fixed(facts.type) && symbols_of(op.attributes).empty();
  if (!node.children.empty() && all([](const Facts& child) { return child.splat.has_value(); })) {
    facts.splat = evaluate_splat(node, facts.type);
  }
  if (!is_small(facts.type)) return;
  if (facts.splat) {
    facts.constant = filled(*facts.splat, facts.type);
  } else if (all([](const Facts& child) { return child.constant != nullptr; })) {
    evaluate(node, facts);
  }
}

// Elementwise ops on one element; views repeat it.
std::optional<double> EGraph::evaluate_splat(const ENode& node, const TensorType& type) const {
  const Operator& op = operators_[node.op];
  if (op.op->view) return facts(node.children[0]).splat;
  if (!op.op->facts.elementwise) return std::nullopt;
  std::vector<Tensor> inputs;
  for (const ClassId child : node.children) {
    const Facts& known = facts(child);
    const Tensor scalar = Tensor::of<double>({}, {*known.splat});
    inputs.push_back(scalar.cast(reference_dtype(known.type.dtype)));
  }
  const TensorType scalar{type.dtype, {}};
  const auto results = fold_node(*op.op, inputs, op.attributes, {&scalar, 1}, 1);
  return results ? splat_of((*results)[op.output]) : std::nullopt;
}

void EGraph::evaluate(const ENode& node, Facts& facts) const {
  const Operator& op = operators_[node.op];
  std::vector<Tensor> inputs;
  for (const ClassId child : node.children) {
    inputs.push_back(to_reference(*this->facts(child).constant));
  }
  const auto results =
      fold_node(*op.op, inputs, op.attributes, infer_outputs(node), constant_elements_max);
  if (!results) return;
  facts.constant = std::make_shared<Tensor>((*results)[op.output]);
  facts.splat = splat_of(*facts.constant);
}

// The constant beside the term of which it is the value.
void EGraph::fold(ClassId id) {
  Class& at = class_at(id);
  if (at.is_folded || (!at.facts.splat && !at.facts.constant)) return;
  at.is_folded = true;
  const Facts known = at.facts;
  const ClassId constant =
      known.splat ? add_splat(*known.splat, known.type) : add_constant(*known.constant);
  unite(id, constant, {folding}, false);
}

void EGraph::refresh_facts(NodeId id) {
  if (!live_[id.value]) return;
  Class& at = class_at(class_of(id));
  Facts found{.type = at.facts.type};
  infer_values(nodes_[id.value], found);
  if (!learns(at.facts, found)) return;
  join_facts(at.facts, found);
  at.changed_at = moment_;
  facts_pending_.insert(facts_pending_.end(), at.parents.begin(), at.parents.end());
  fold(class_of(id));
}

}  // namespace paceline::egraph
