#include "scheduler/egraph/egraph.h"

#include <algorithm>

#include "scheduler/egraph/class_values.h"
#include "scheduler/egraph/proof_forest.h"
#include "scheduler/egraph/term.h"

namespace paceline::egraph {

namespace {

// How far apart values may lie after a rule that computes in fewer bits (bf16's).
constexpr double narrowing_noise = 0x1p-8;

void sort_unique(auto& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

std::size_t hash_of(OperatorId op, std::span<const ClassId> children) {
  std::size_t hash = static_cast<std::size_t>(op.value) * 0x9e3779b97f4a7c15;
  for (const ClassId child : children) {
    hash = (hash ^ static_cast<std::size_t>(child.value)) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  }
  return hash;
}

bool commutes(const Operator& op, std::size_t child_count) {
  return op.op != nullptr && op.op->facts.commutative && child_count == 2;
}

}  // namespace

std::size_t EGraph::Hash::operator()(const Key& key) const { return hash_of(key.op, key.children); }

std::size_t EGraph::Hash::operator()(NodeId id) const {
  return hash_of(graph->node(id).op, graph->node(id).children);
}

bool EGraph::Equal::operator()(const Key& key, NodeId id) const {
  const ENode& node = graph->node(id);
  return node.op == key.op && std::ranges::equal(node.children, key.children);
}

EGraph::EGraph(const OpSet& ops, EGraphOptions options)
    : ops_(&ops), known_(0, Hash{this}, Equal{this}), by_op_(ops.all().size()) {
  if (options.explain) forest_ = std::make_unique<ProofForest>();
  if (options.check) values_ = std::make_unique<ClassValues>(*std::move(options.check));
}

EGraph::~EGraph() = default;

int EGraph::index_of(const Op& op) const {
  const auto index = &op - ops_->all().data();
  check(index >= 0 && index < static_cast<std::ptrdiff_t>(by_op_.size()),
        "an op is not of the e-graph's set");
  return static_cast<int>(index);
}

ClassId EGraph::find(ClassId id) const {
  std::int32_t at = id.value;
  while (union_[at] != at) at = union_[at] = union_[union_[at]];
  return {at};
}

ClassId EGraph::add(std::string_view name, Attributes attributes, std::vector<ClassId> children,
                    std::int32_t output) {
  const Op& op = ops_->get(name);
  return add(op, attributes.complete(op.name, op.attributes), std::move(children), output);
}

ClassId EGraph::add(const Op& op, const Attributes& attributes, std::vector<ClassId> children,
                    std::int32_t output) {
  index_of(op);
  return add_node(operators_.intern(op, attributes, output), std::move(children));
}

ClassId EGraph::add_leaf(const Node& leaf) { return add_node(operators_.intern_leaf(leaf), {}); }

ClassId EGraph::add_constant(Tensor elements) {
  Node leaf{.kind = NodeKind::constant};
  leaf.outputs = {{elements.dtype(), Shape(elements.extents().begin(), elements.extents().end())}};
  leaf.constant = std::move(elements);
  return add_leaf(leaf);
}

ClassId EGraph::add_splat(double value, const TensorType& type) {
  const Tensor scalar = Tensor::of<double>({}, {value}).cast(type.dtype);
  if (!is_float(type.dtype) && scalar.to_doubles()[0] != value) {
    throw invalid("{} has no element of this value: {}", to_string(type.dtype), value);
  }
  const ClassId id = add_constant(scalar);
  return type.shape.empty() ? id : add("broadcast", {{"shape", type.shape}}, {id});
}

void EGraph::canonicalize(ENode& node) const {
  for (ClassId& child : node.children) child = find(child);
  if (commutes(operators_[node.op], node.children.size())) std::ranges::sort(node.children);
}

ClassId EGraph::add_node(OperatorId op, std::vector<ClassId> children) {
  ENode node{op, children};
  canonicalize(node);
  const auto known = known_.find(Key{op, node.children});
  if (known != known_.end()) return class_of(*known);
  Facts facts = infer_facts(node);
  return create(std::move(node), std::move(children), std::move(facts));
}

ClassId EGraph::create(ENode node, std::vector<ClassId> original, Facts facts) {
  const NodeId id{static_cast<std::int32_t>(nodes_.size())};
  const Operator& op = operators_[node.op];
  if (values_) values_->add(compute_value(node));
  for (const ClassId child : node.children) classes_[child.value].parents.push_back(id);
  const int index = op.op != nullptr ? index_of(*op.op) : -1;
  if (index >= 0) by_op_[index].push_back(id);
  nodes_.push_back(std::move(node));
  originals_.push_back(std::move(original));
  live_.push_back(true);
  op_index_.push_back(static_cast<std::int16_t>(index));
  added_at_.push_back(moment_);
  classes_.push_back({.nodes = {id},
                      .facts = std::move(facts),
                      .ops = index < 0 ? 0 : std::uint64_t{1} << (index % 64),
                      .changed_at = moment_});
  union_.push_back(id.value);
  known_.insert(id);
  if (forest_) forest_->add_term();
  ++live_count_;
  ++class_count_;
  fold(class_of(id));
  return class_of(id);
}

std::vector<std::vector<ClassId>> EGraph::add_graph(const Graph& graph) {
  std::vector<ClassId> inputs;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::input) inputs.push_back(add_leaf(node));
  }
  return add_graph(graph, inputs);
}

std::vector<std::vector<ClassId>> EGraph::add_graph(const Graph& graph,
                                                    std::span<const ClassId> inputs) {
  std::vector<std::vector<ClassId>> classes;
  std::size_t input = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::input) {
      check(input < inputs.size(), "a graph has more inputs than classes were given");
      classes.push_back({inputs[input++]});
    } else if (node.kind == NodeKind::op) {
      std::vector<ClassId> children;
      for (const ValueRef value : node.inputs) {
        children.push_back(classes[value.node][value.output]);
      }
      classes.push_back(add_outputs(node, children));
    } else {
      classes.push_back({add_leaf(node)});
    }
  }
  return classes;
}

std::vector<ClassId> EGraph::add_outputs(const Node& node, const std::vector<ClassId>& children) {
  const Op& op = ops_->get(node.op);
  std::vector<ClassId> outputs;
  OperatorId first;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const auto output = static_cast<std::int32_t>(i);
    const OperatorId id = operators_.intern(op, node.attributes, output, first);
    if (i == 0) first = id;
    outputs.push_back(add_node(id, children));
  }
  return outputs;
}

bool EGraph::merge(ClassId a, ClassId b, Reason reason) {
  return unite(a, b, std::move(reason), false);
}

void EGraph::expect_equal_types(ClassId a, ClassId b, const Reason& reason) const {
  const Facts &left = facts(a), &right = facts(b);
  if (left.type == right.type && left.device == right.device) return;
  throw Error(ErrorKind::internal,
              fmt::format("rule \"{}\" equates {} of {} on {} with {} of {} on {}", reason.rule,
                          left.type.to_string(), to_text(*this, NodeId{a.value}),
                          left.device.to_string(), right.type.to_string(),
                          to_text(*this, NodeId{b.value}), right.device.to_string()));
}

void EGraph::expect_equal_values(ClassId a, ClassId b, const Reason& reason, double more) const {
  const std::string difference = disagreement(values_->at(find(a)), values_->at(find(b)), more);
  if (difference.empty()) return;
  throw Error(ErrorKind::internal, fmt::format("rule \"{}\" equates {} with {}, which differ: {}",
                                               reason.rule, to_text(*this, NodeId{a.value}),
                                               to_text(*this, NodeId{b.value}), difference));
}

// How far the values may lie apart because the children of congruent nodes do.
double EGraph::noise_of(ClassId a, const Reason& reason, bool is_congruence) const {
  double noise = reason.precision == Precision::narrows ? narrowing_noise : 0;
  if (!is_congruence) return noise;
  for (const ClassId child : node(NodeId{a.value}).children) {
    noise = std::max(noise, values_->at(find(child)).noise);
  }
  return noise;
}

bool EGraph::unite(ClassId a, ClassId b, Reason reason, bool is_congruence) {
  ClassId winner = find(a), loser = find(b);
  if (winner == loser) return false;
  expect_equal_types(a, b, reason);
  if (!is_congruence && (facts(a).is_version || facts(b).is_version)) return false;
  const std::size_t parents = classes_[winner.value].parents.size();
  if (parents < classes_[loser.value].parents.size()) {
    std::swap(winner, loser);
    std::swap(a, b);
  }
  if (values_) {
    const double noise = noise_of(a, reason, is_congruence);
    expect_equal_values(a, b, reason, noise);
    values_->join(winner, loser, noise);
  }
  if (forest_) {
    forest_->connect(
        {std::string(reason.rule), reason.precision, b, a, std::move(reason.premises)});
  }
  absorb(winner, loser);
  if (values_) spread_noise(winner);
  return true;
}

// What rests on a value is at least as noisy.
void EGraph::spread_noise(ClassId id) {
  std::vector<ClassId> raised{id};
  while (!raised.empty()) {
    const ClassId child = raised.back();
    raised.pop_back();
    const double noise = values_->at(child).noise;
    for (const NodeId node : classes_[child.value].parents) {
      const ClassId parent = find(class_of(node));
      if (values_->raise_noise(parent, noise)) raised.push_back(parent);
    }
  }
}

void EGraph::absorb(ClassId winner, ClassId loser) {
  Class& into = classes_[winner.value];
  Class from = std::exchange(classes_[loser.value], {});
  union_[loser.value] = winner.value;
  --class_count_;
  const bool winner_grows = learns(into.facts, from.facts);
  const bool loser_grows = learns(from.facts, into.facts);
  pending_.insert(pending_.end(), from.parents.begin(), from.parents.end());
  if (winner_grows) {
    facts_pending_.insert(facts_pending_.end(), into.parents.begin(), into.parents.end());
  }
  if (loser_grows) {
    facts_pending_.insert(facts_pending_.end(), from.parents.begin(), from.parents.end());
  }
  join_facts(into.facts, from.facts);
  into.is_folded = into.is_folded || from.is_folded;
  into.ops |= from.ops;
  into.changed_at = moment_;
  into.nodes.insert(into.nodes.end(), from.nodes.begin(), from.nodes.end());
  into.parents.insert(into.parents.end(), from.parents.begin(), from.parents.end());
  touched_.push_back(winner);
  fold(winner);
}

void EGraph::rebuild() {
  while (!is_rebuilt()) {
    std::vector<NodeId> nodes = std::exchange(pending_, {});
    sort_unique(nodes);
    for (const NodeId id : nodes) repair(id);
    nodes = std::exchange(facts_pending_, {});
    sort_unique(nodes);
    for (const NodeId id : nodes) refresh_facts(id);
  }
  drop_dead();
}

// Files a node under its children's present ids; one that is there already makes two classes one.
void EGraph::repair(NodeId id) {
  if (!live_[id.value]) return;
  ENode& node = nodes_[id.value];
  known_.erase(known_.find(id));
  canonicalize(node);
  const auto twin = known_.find(Key{node.op, node.children});
  if (twin == known_.end()) {
    known_.insert(id);
    return;
  }
  const NodeId kept = *twin;
  live_[id.value] = false;
  --live_count_;
  touched_.push_back(class_of(id));
  for (const ClassId child : node.children) touched_.push_back(child);
  if (!same(class_of(id), class_of(kept))) {
    unite(class_of(id), class_of(kept), {congruence, Precision::exact, premises(id, kept)}, true);
  }
}

std::vector<std::pair<ClassId, ClassId>> EGraph::premises(NodeId a, NodeId b) const {
  std::vector<std::pair<ClassId, ClassId>> pairs;
  if (!forest_) return pairs;
  const auto left = original_children(a), right = original_children(b);
  const bool crosses = commutes(operator_of(a), left.size()) &&
                       !(same(left[0], right[0]) && same(left[1], right[1]));
  for (std::size_t i = 0; i < left.size(); ++i) {
    const ClassId other = right[crosses ? 1 - i : i];
    if (left[i] != other) pairs.emplace_back(left[i], other);
  }
  return pairs;
}

void EGraph::drop_dead() {
  for (ClassId& id : touched_) id = find(id);
  sort_unique(touched_);
  const auto is_dead = [&](NodeId id) { return !live_[id.value]; };
  for (const ClassId id : touched_) {
    Class& at = classes_[id.value];
    sort_unique(at.nodes);
    sort_unique(at.parents);
    std::erase_if(at.nodes, is_dead);
    std::erase_if(at.parents, is_dead);
  }
  if (!touched_.empty()) {
    for (std::vector<NodeId>& nodes : by_op_) std::erase_if(nodes, is_dead);
  }
  touched_.clear();
}

std::vector<ClassId> EGraph::classes() const {
  std::vector<ClassId> roots;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(union_.size()); ++i) {
    if (union_[i] == i) roots.push_back({i});
  }
  return roots;
}

std::span<const NodeId> EGraph::nodes_with(const Op& op) const { return by_op_[index_of(op)]; }

Explanation EGraph::explain(ClassId a, ClassId b) const {
  if (!forest_) throw invalid("this e-graph keeps no explanations, make it with `explain`");
  if (!same(a, b)) {
    throw invalid("not known to be equal: {} and {}", to_text(*this, NodeId{a.value}),
                  to_text(*this, NodeId{b.value}));
  }
  return forest_->explain(a, b, [this](NodeId node) { return to_text(*this, node); });
}

const Tensor& EGraph::value(ClassId id) const {
  check(values_ != nullptr, "values are there in test mode alone");
  return values_->at(find(id)).elements;
}

ClassValue EGraph::compute_value(const ENode& node) const {
  const Operator& op = operators_[node.op];
  if (op.kind != NodeKind::op) return values_->leaf(op);
  std::vector<const ClassValue*> children;
  for (const ClassId child : node.children) children.push_back(&values_->at(find(child)));
  return values_->op(op, children, infer_outputs(node));
}

}  // namespace paceline::egraph
