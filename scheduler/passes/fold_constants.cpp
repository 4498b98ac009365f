#include <map>

#include "common/graph/reference.h"
#include "scheduler/passes/fold_node.h"
#include "scheduler/passes/passes.h"
#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

// Larger results are cheaper to compute at each run than to keep in the graph.
constexpr std::int64_t elements_max = 1 << 16;
// Rules read masks from the comparisons that made them, or from so many elements.
constexpr std::int64_t booleans_max = 1 << 12;

class Folder {
 public:
  Folder(const Graph& graph, const OpSet& ops) : graph_(graph), ops_(ops) {}

  // Views of constants stay views, which cost nothing at run time: only what reads them is folded.
  Replacement operator()(GraphBuilder& builder, std::int32_t index) {
    const Node& node = graph_.node(index);
    if (node.kind == NodeKind::constant) known_[index] = {to_reference(node.constant)};
    if (node.kind != NodeKind::op || !evaluate(node, index) || ops_.get(node.op).view) {
      return std::nullopt;
    }
    std::vector<Value> values;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      values.push_back(builder.constant(known_[index][i].cast(node.outputs[i].dtype), node.name));
    }
    return values;
  }

 private:
  bool evaluate(const Node& node, std::int32_t index) {
    std::vector<Tensor> inputs;
    for (const ValueRef input : node.inputs) {
      const auto found = known_.find(input.node);
      if (found == known_.end()) return false;
      inputs.push_back(found->second[input.output]);
    }
    const bool is_boolean = node.outputs.front().dtype == Dtype::boolean;
    auto results = fold_node(ops_.get(node.op), inputs, node.attributes, node.outputs,
                             is_boolean ? booleans_max : elements_max);
    if (!results) return false;
    // Later nodes must see what a run would: results rounded to their own dtype.
    for (Tensor& result : *results) result = to_reference(result);
    known_[index] = *std::move(results);
    return true;
  }

  const Graph& graph_;
  const OpSet& ops_;
  std::map<std::int32_t, std::vector<Tensor>> known_;  // In reference dtypes, by node.
};

}  // namespace

Graph fold_constants(const Graph& graph, const OpSet& ops) {
  Folder folder(graph, ops);
  return rebuild(graph, ops,
                 [&](GraphBuilder& builder, std::int32_t index, std::span<const Value>) {
                   return folder(builder, index);
                 });
}

}  // namespace paceline
