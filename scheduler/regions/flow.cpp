#include "scheduler/regions/flow.h"

#include <algorithm>

#include "common/graph/node_forms.h"

namespace paceline::regions {

namespace {

constexpr std::int64_t assumed_extent = 64;     // Of every symbol, to tell heavy ops from light.
constexpr std::int64_t heavy_flops_a_byte = 6;  // Above what norms and activations need.

class Maker {
 public:
  Maker(const Graph& graph, const OpSet& ops) : graph_(graph) {
    const std::size_t count = graph.nodes().size();
    flow_.graph = &graph;
    flow_.ops = &ops;
    flow_.inputs.resize(count);
    flow_.readers.resize(count);
    for (auto* flags : {&flow_.is_root, &flow_.is_heavy, &flow_.is_pointwise, &flow_.is_static}) {
      flags->resize(count);
    }
    heavy_forms_.resize(count);
    for (const std::string& symbol : graph.symbols()) bindings_[symbol] = assumed_extent;
  }

  Flow make() {
    const std::vector<std::int32_t> first = first_of_form(graph_);
    for (std::int32_t i = 0; i < count(); ++i) {
      if (is_op(i)) link(i, first[i]);
    }
    find_roots();
    const std::vector<std::int32_t> roots = ordered_roots();
    visited_.resize(graph_.nodes().size());
    for (const std::int32_t root : roots) visit(root);
    for (const std::int32_t node : flow_.order) {
      for (const std::int32_t input : flow_.inputs[node]) flow_.readers[input].push_back(node);
      for (const ValueRef input : graph_.node(node).inputs) {
        if (graph_.node(input.node).kind == NodeKind::input) add_reader(input.node, node);
      }
    }
    return std::move(flow_);
  }

 private:
  std::int32_t count() const { return static_cast<std::int32_t>(graph_.nodes().size()); }
  bool is_op(std::int32_t node) const { return graph_.node(node).kind == NodeKind::op; }

  void link(std::int32_t index, std::int32_t alike) {
    const Node& node = graph_.node(index);
    const Op& op = flow_.op(index);
    bool is_static = !node.inputs.empty();
    for (const ValueRef input : node.inputs) {
      const NodeKind kind = graph_.node(input.node).kind;
      is_static = is_static && (kind == NodeKind::weight || kind == NodeKind::constant ||
                                flow_.is_static[input.node]);
      std::vector<std::int32_t>& inputs = flow_.inputs[index];
      if (kind != NodeKind::op) continue;
      if (std::find(inputs.begin(), inputs.end(), input.node) == inputs.end()) {
        inputs.push_back(input.node);
      }
    }
    flow_.is_static[index] = is_static && op.facts.deterministic && !op.facts.collective;
    flow_.is_pointwise[index] = op.facts.elementwise || op.view != nullptr;
    if (alike == index) heavy_forms_[index] = is_heavy(node, op);
    flow_.is_heavy[index] = !flow_.is_static[index] && heavy_forms_[alike];
  }

  bool is_heavy(const Node& node, const Op& op) const {
    if (!op.work || op.view) return false;
    std::vector<TensorType> types;
    for (const ValueRef input : node.inputs) types.push_back(graph_.type(input));
    const Work work = op.work({.types = types, .attributes = node.attributes});
    return work.flops.evaluate(bindings_) > heavy_flops_a_byte * work.bytes.evaluate(bindings_);
  }

  void find_roots() {
    for (const NamedOutput& output : graph_.outputs()) add_root(output.value.node);
    for (const StateUpdate& update : graph_.state_updates()) add_root(update.value.node);
    for (std::int32_t i = 0; i < count(); ++i) {
      if (is_op(i) && flow_.op(i).facts.collective) add_root(i);
    }
  }

  void add_root(std::int32_t node) {
    if (!is_op(node) || flow_.is_root[node]) return;
    flow_.is_root[node] = true;
    roots_.push_back(node);
  }

  // The root at the end of the heaviest chain first: others follow where they are read from.
  std::vector<std::int32_t> ordered_roots() {
    std::vector<std::int64_t> depth(graph_.nodes().size());
    for (std::int32_t i = 0; i < count(); ++i) {
      if (!is_op(i)) continue;
      for (const std::int32_t input : flow_.inputs[i]) depth[i] = std::max(depth[i], depth[input]);
      depth[i] += flow_.weight(i);
    }
    const auto deepest =
        std::max_element(roots_.begin(), roots_.end(),
                         [&](std::int32_t a, std::int32_t b) { return depth[a] < depth[b]; });
    if (deepest != roots_.end()) std::rotate(roots_.begin(), deepest, deepest + 1);
    return roots_;
  }

  void add_reader(std::int32_t node, std::int32_t reader) {
    std::vector<std::int32_t>& readers = flow_.readers[node];
    if (readers.empty() || readers.back() != reader) readers.push_back(reader);
  }

  // Depth first, without recursion: graphs are deep.
  void visit(std::int32_t root) {
    std::vector<std::pair<std::int32_t, std::size_t>> stack;
    const auto push = [&](std::int32_t node) {
      if (visited_[node]) return;
      visited_[node] = true;
      stack.emplace_back(node, 0);
    };
    push(root);
    while (!stack.empty()) {
      const std::int32_t node = stack.back().first;
      const std::size_t next = stack.back().second++;
      if (next < flow_.inputs[node].size()) {
        push(flow_.inputs[node][next]);
      } else {
        flow_.order.push_back(node);
        stack.pop_back();
      }
    }
  }

  const Graph& graph_;
  Flow flow_;
  Bindings bindings_;
  std::vector<bool> heavy_forms_;  // By the first node of a form.
  std::vector<std::int32_t> roots_;
  std::vector<bool> visited_;
};

}  // namespace

Flow flow_of(const Graph& graph, const OpSet& ops) { return Maker(graph, ops).make(); }

}  // namespace paceline::regions
