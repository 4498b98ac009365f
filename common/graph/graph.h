#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/id.h"
#include "common/graph/attributes.h"
#include "common/graph/op.h"
#include "common/graph/shape.h"
#include "common/graph/tensor.h"

namespace paceline {

// One output of one node.
struct ValueRef {
  std::int32_t node = -1;
  std::int32_t output = 0;

  friend auto operator<=>(const ValueRef&, const ValueRef&) = default;
};

enum class NodeKind {
  input,     // Fed at each run.
  weight,    // Bound once by name, resident, read-only.
  constant,  // Its elements are part of the graph.
  state,     // Persistent and mutable between runs (a KV cache): its value when the run starts.
  op,
};

struct Node {
  NodeKind kind = NodeKind::op;
  // Inputs, weights, states: what users and files call it, unique per kind. Ops and constants: a
  // label for people (may be empty); no part of identity.
  std::string name;
  std::string op;
  Attributes attributes;
  std::vector<ValueRef> inputs;
  std::vector<TensorType> outputs;
  Tensor constant;  // Constants only.
};

struct NamedOutput {
  std::string name;
  ValueRef value;
};

// After a run the state named `state` (node index) holds `value`.
struct StateUpdate {
  std::int32_t state;
  ValueRef value;
};

// A DAG of ops over typed tensors. Immutable; nodes are in topological order. A pass is a function
// from Graph to Graph, which builds a new one with GraphBuilder. Copies share what they hold. Any
// thread.
class Graph {
 public:
  Graph();  // Empty.

  const std::string& name() const { return body_->name; }
  std::span<const Node> nodes() const { return body_->nodes; }
  const Node& node(std::int32_t index) const { return body_->nodes[index]; }
  const TensorType& type(ValueRef value) const { return node(value.node).outputs[value.output]; }
  std::span<const NamedOutput> outputs() const { return body_->outputs; }
  std::span<const StateUpdate> state_updates() const { return body_->state_updates; }
  std::set<std::string> symbols() const;

  // Node index of the input, weight or state of that name.
  std::optional<std::int32_t> find(NodeKind kind, std::string_view name) const;

  // Canonical: independent of labels and of the order in which nodes were added, dependent on every
  // value that changes the result (attributes, constants' elements, types, the names of inputs,
  // weights, states and outputs). Nodes that nothing uses do not count.
  GraphId id() const;

 private:
  friend class GraphBuilder;
  friend const std::vector<Digest>& node_digests(const Graph& graph);

  struct Body {
    std::string name;
    std::vector<Node> nodes;
    std::vector<NamedOutput> outputs;
    std::vector<StateUpdate> state_updates;
    // Computed when first asked for.
    mutable std::once_flag hashed;
    mutable std::vector<Digest> digests;  // By node.
    mutable GraphId id;
  };

  explicit Graph(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  void hash() const;

  std::shared_ptr<const Body> body_;  // Never null but after a move.
};

std::set<std::string> symbols_of(const Shape& shape);
std::set<std::string> symbols_of(const Attributes& attributes);

// One digest a node: equal for nodes that compute the same from the same inputs, weights, states
// and constants, whatever their labels and places; Graph::id() is made of them. Kept by the graph.
const std::vector<Digest>& node_digests(const Graph& graph);
void node_digests(Graph&& graph) = delete;

// Stands at every boundary that takes a graph: ids in range, topological order, types equal to what
// inference says, unique names, states updated once and with their own type. Throws `invalid`
// naming the node.
void validate(const Graph& graph, const OpSet& ops);
// The same of outputs and state updates alone, for graphs whose nodes are known to be valid.
void validate_ends(const Graph& graph);

// A value under construction, with operators. Belongs to its builder, which must outlive it.
// Binary operators broadcast by numpy's rule (inserting `broadcast` nodes) and need equal dtypes;
// a number on one side becomes a constant of the other's dtype.
class Value {
 public:
  Value() = default;
  Value(GraphBuilder* builder, ValueRef ref) : builder_(builder), ref_(ref) {}

  GraphBuilder& builder() const { return *builder_; }
  ValueRef ref() const { return ref_; }
  const TensorType& type() const;
  const Shape& shape() const { return type().shape; }
  const Dim& dim(int axis) const;  // Negative counts from the last.
  Dtype dtype() const { return type().dtype; }
  int rank() const { return static_cast<int>(shape().size()); }

  Value reshape(Shape shape) const;
  Value permute(std::vector<std::int64_t> order) const;
  Value transpose(int axis_a, int axis_b) const;
  Value broadcast(Shape shape) const;
  Value cast(Dtype dtype) const;  // Itself when nothing changes.
  // Elements start, start + step, ... below stop of `axis` (a negative axis counts from the last).
  Value slice(int axis, Dim start, Dim stop, std::int64_t step = 1) const;

  friend Value operator+(const Value& a, const Value& b);
  friend Value operator-(const Value& a, const Value& b);
  friend Value operator*(const Value& a, const Value& b);
  friend Value operator/(const Value& a, const Value& b);
  friend Value operator+(const Value& a, double b);
  friend Value operator-(const Value& a, double b);
  friend Value operator*(const Value& a, double b);
  friend Value operator/(const Value& a, double b);
  friend Value operator+(double a, const Value& b);
  friend Value operator-(double a, const Value& b);
  friend Value operator*(double a, const Value& b);
  friend Value operator/(double a, const Value& b);
  Value operator-() const;

 private:
  GraphBuilder* builder_ = nullptr;
  ValueRef ref_;
};

// Builds a graph: the only way to make one. Infers types as nodes are added and throws `invalid` at
// the node that does not fit. One thread. Equal op nodes and constants are not merged here.
class GraphBuilder {
 public:
  explicit GraphBuilder(const OpSet& ops, std::string name = "graph");

  const OpSet& ops() const { return *ops_; }

  Value input(std::string name, TensorType type);
  Value weight(std::string name, TensorType type);
  Value state(std::string name, TensorType type);
  Value constant(Tensor elements, std::string label = "");
  Value scalar(double value, Dtype dtype);  // Rank 0.

  Value op(std::string_view name, std::vector<Value> inputs, Attributes attributes = {},
           std::string label = "");
  std::vector<Value> multi(std::string_view name, std::vector<Value> inputs,
                           Attributes attributes = {}, std::string label = "");

  void output(std::string name, Value value);
  void update(Value state, Value value);

  // Copies a node of another (valid) graph with its inputs replaced: what passes are made of.
  std::vector<Value> copy(const Graph& from, std::int32_t node, std::span<const Value> inputs);

  const TensorType& type(ValueRef value) const;
  // What nodes cannot get wrong is checked here: names of outputs, types of updates. The builder is
  // empty afterwards.
  Graph finish();

 private:
  Value add(Node node);
  Value add_named(NodeKind kind, std::string name, TensorType type);
  ValueRef own(const Value& value) const;
  bool is_as_before(const Graph& from, const Node& node, std::span<const Value> inputs) const;
  std::vector<Value> add_copy(Node node, std::span<const Value> inputs);

  const Node& node(std::int32_t index) const;
  std::vector<Value> all_outputs(std::int32_t node);
  bool follows(const Graph& from, std::int32_t node, std::span<const Value> inputs) const;
  void diverge();
  bool is_followed_whole() const;

  const OpSet* ops_;
  std::shared_ptr<Graph::Body> body_;
  // While all nodes are copies of the first nodes of one graph, in their places: that graph, and
  // how many. They are copied once something else comes; a pass that changes nothing returns its
  // graph.
  bool is_following_ = false;
  std::optional<Graph> followed_;  // Kept to the end: types of values may refer to it.
  std::int32_t followed_count_ = 0;
  std::set<std::pair<NodeKind, std::string>> names_;
};

// Free functions that read like the mathematics; the rest is `builder.op("name", ...)`.
Value matmul(const Value& a, const Value& b, bool transpose_a = false, bool transpose_b = false);

// Readable text, which parses back to an equal graph (same id, same labels):
//
//   graph "mlp" {
//     input x: f32[B,64]
//     weight "fc.weight": f32[128,64]
//     constant half: f32[] = 0.5
//     h = matmul(x, "fc.weight", transpose_b=true)
//     y, z = top_k(h, k=2, axis=-1)
//     output values = y
//     update cache = updated
//   }
std::string to_text(const Graph& graph);
// Throws `invalid` with line and column, and what was expected there.
Graph parse_graph(std::string_view text, const OpSet& ops);

}  // namespace paceline
