#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/kernel_info.h"
#include "scheduler/egraph/evaluation.h"
#include "scheduler/egraph/explanation.h"
#include "scheduler/egraph/facts.h"
#include "scheduler/egraph/ids.h"
#include "scheduler/egraph/operator.h"

namespace paceline::egraph {

class ProofForest;
class ClassValues;
struct ClassValue;

// An operator over classes. Two nodes of one class have equal values.
struct ENode {
  OperatorId op;
  std::vector<ClassId> children;  // Canonical after rebuild; sorted where the op commutes.
};

// Why two classes are one.
struct Reason {
  std::string_view rule;
  Precision precision = Precision::exact;
  // Terms that the rule took for equal (explanations only): what was matched, and what stands
  // there.
  std::vector<std::pair<ClassId, ClassId>> premises = {};
};

struct EGraphOptions {
  bool explain = false;
  std::optional<Evaluation> check = {};  // Test mode.
};

// Many equivalent forms of the values of a graph, shared: an e-graph with deferred rebuilding and
// class facts (Willsey et al., egg: Fast and Extensible Equality Saturation, POPL 2021).
//
// Classes whose children are all known constants get their value: small ones as a constant, equal
// elements as a broadcast scalar. One thread; the OpSet must outlive it.
class EGraph {
 public:
  explicit EGraph(const OpSet& ops, EGraphOptions options = {});
  ~EGraph();
  EGraph(const EGraph&) = delete;
  EGraph& operator=(const EGraph&) = delete;

  const OpSet& ops() const { return *ops_; }

  // The class of one output of an op on classes. Attributes may be partial. Throws what inference
  // throws.
  ClassId add(std::string_view op, Attributes attributes, std::vector<ClassId> children,
              std::int32_t output = 0);
  // As above, with complete attributes.
  ClassId add(const Op& op, const Attributes& attributes, std::vector<ClassId> children,
              std::int32_t output = 0);
  ClassId add_leaf(const Node& leaf);  // An input, weight, state or constant.
  ClassId add_constant(Tensor elements);
  // The same value everywhere, of this type: a constant scalar, broadcast unless rank 0. Throws
  // `invalid` for a value that the (integer) dtype lacks.
  ClassId add_splat(double value, const TensorType& type);

  // Every value of a graph: its class by node and output.
  std::vector<std::vector<ClassId>> add_graph(const Graph& graph);
  // The same with the graph's inputs, in order, standing for classes.
  std::vector<std::vector<ClassId>> add_graph(const Graph& graph, std::span<const ClassId> inputs);

  // False when they were one already, or when a rule would put another form beside a state's
  // version. Congruence follows at rebuild(). Throws `internal` naming the rule when types
  // disagree, and in test mode when values do.
  bool merge(ClassId a, ClassId b, Reason reason);
  void rebuild();
  bool is_rebuilt() const { return pending_.empty() && facts_pending_.empty(); }

  ClassId find(ClassId id) const;
  bool same(ClassId a, ClassId b) const { return find(a) == find(b); }
  const Facts& facts(ClassId id) const { return classes_[find(id).value].facts; }

  // Rebuilt graphs only: canonical ids in order of creation.
  std::vector<ClassId> classes() const;
  std::span<const NodeId> nodes_of(ClassId id) const { return classes_[find(id).value].nodes; }
  // Nodes with a child in the class, some more than once.
  std::span<const NodeId> parents_of(ClassId id) const { return classes_[find(id).value].parents; }
  // Nodes of an op (any attributes, any output) that live.
  std::span<const NodeId> nodes_with(const Op& op) const;
  bool is_live(NodeId node) const { return live_[node.value]; }
  // The place of a node's op in the OpSet, -1 for leaves; and a quick no for a whole class.
  int op_index(NodeId node) const { return op_index_[node.value]; }
  bool may_hold(ClassId id, int op_index) const {
    return (classes_[find(id).value].ops >> (op_index % 64) & 1) != 0;
  }

  // References stay valid while nodes are added.
  const ENode& node(NodeId id) const { return nodes_[id.value]; }
  const Operator& operator_of(NodeId id) const { return operators_[nodes_[id.value].op]; }
  const Operators& operators() const { return operators_; }
  // The children with which a node was added, which were all added before it; in the order of the
  // term, where `children` may be sorted.
  std::span<const ClassId> original_children(NodeId id) const { return originals_[id.value]; }

  std::int64_t node_count() const { return live_count_; }
  // Nodes that ever were: their ids are 0, 1, ...
  std::int64_t created_count() const { return static_cast<std::int64_t>(nodes_.size()); }
  std::int64_t class_count() const { return class_count_; }

  // Moments, for who looks for news: nodes and facts that come, and classes that merge, are marked
  // with the present one.
  std::int32_t moment() const { return moment_; }
  void next_moment() { ++moment_; }
  std::int32_t changed_at(ClassId id) const { return classes_[find(id).value].changed_at; }
  std::int32_t added_at(NodeId node) const { return added_at_[node.value]; }

  bool explains() const { return forest_ != nullptr; }
  // Why two terms are equal, by the ids under which they were added. Throws `invalid` when they are
  // not, or when the e-graph was made without `explain`.
  Explanation explain(ClassId a, ClassId b) const;

  // Test mode only: the elements of a class.
  const Tensor& value(ClassId id) const;

 private:
  struct Class {
    std::vector<NodeId> nodes;
    std::vector<NodeId> parents;
    Facts facts;
    bool is_folded = false;  // Its constant form was added.
    std::uint64_t ops = 0;   // A bit for each op that its nodes may have, of index modulo 64.
    std::int32_t changed_at = 0;
  };
  struct Key {
    OperatorId op;
    std::span<const ClassId> children;
  };
  struct Hash {
    using is_transparent = void;
    const EGraph* graph;
    std::size_t operator()(const Key& key) const;
    std::size_t operator()(NodeId id) const;
  };
  struct Equal {
    using is_transparent = void;
    const EGraph* graph;
    bool operator()(NodeId a, NodeId b) const { return a == b; }
    bool operator()(const Key& key, NodeId id) const;
    bool operator()(NodeId id, const Key& key) const { return (*this)(key, id); }
  };

  int index_of(const Op& op) const;
  Class& class_at(ClassId id) { return classes_[find(id).value]; }
  void canonicalize(ENode& node) const;
  ClassId add_node(OperatorId op, std::vector<ClassId> children);
  ClassId create(ENode node, std::vector<ClassId> original, Facts facts);
  std::vector<ClassId> add_outputs(const Node& node, const std::vector<ClassId>& children);

  // In facts.cpp.
  std::vector<TensorType> infer_outputs(const ENode& node) const;
  Facts infer_facts(const ENode& node) const;
  void infer_values(const ENode& node, Facts& facts) const;
  void evaluate(const ENode& node, Facts& facts) const;
  std::optional<double> evaluate_splat(const ENode& node, const TensorType& type) const;
  void fold(ClassId id);
  void refresh_facts(NodeId id);

  bool unite(ClassId a, ClassId b, Reason reason, bool is_congruence);
  void expect_equal_types(ClassId a, ClassId b, const Reason& reason) const;
  void expect_equal_values(ClassId a, ClassId b, const Reason& reason, double more) const;
  double noise_of(ClassId a, const Reason& reason, bool is_congruence) const;
  void spread_noise(ClassId id);
  ClassValue compute_value(const ENode& node) const;
  void absorb(ClassId winner, ClassId loser);
  void repair(NodeId id);
  std::vector<std::pair<ClassId, ClassId>> premises(NodeId a, NodeId b) const;
  void drop_dead();

  const OpSet* ops_;
  Operators operators_;
  std::deque<ENode> nodes_;
  std::vector<std::vector<ClassId>> originals_;
  std::vector<bool> live_;
  std::vector<std::int16_t> op_index_;
  std::vector<std::int32_t> added_at_;
  std::deque<Class> classes_;                // By id; merged ones are empty.
  mutable std::vector<std::int32_t> union_;  // Union-find, with path halving.
  std::unordered_set<NodeId, Hash, Equal> known_;
  std::vector<std::vector<NodeId>> by_op_;  // By index in the OpSet.
  std::vector<NodeId> pending_;             // Their children have merged.
  std::vector<NodeId> facts_pending_;       // Facts of their children have grown.
  std::vector<ClassId> touched_;            // Classes that may list dead nodes.
  std::int32_t moment_ = 0;
  std::int64_t live_count_ = 0;
  std::int64_t class_count_ = 0;
  std::unique_ptr<ProofForest> forest_;
  std::unique_ptr<ClassValues> values_;
};

}  // namespace paceline::egraph
