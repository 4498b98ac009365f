#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/graph/reference.h"
#include "scheduler/passes/passes.h"
#include "scheduler/passes/rebuild.h"

namespace paceline {

namespace {

// Larger results are cheaper to compute at each run than to keep in the graph.
constexpr std::int64_t elements_max = 1 << 16;

bool is_small(const TensorType& type) {
  const auto count = element_count(type.shape).constant();
  return count && *count <= elements_max;
}

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
    const Op& op = ops_.get(node.op);
    if (!op.facts.deterministic || op.facts.collective) return false;
    if (!symbols_of(node.attributes).empty()) return false;
    if (!std::all_of(node.outputs.begin(), node.outputs.end(), is_small)) return false;
    std::vector<Tensor> inputs;
    for (const ValueRef input : node.inputs) {
      const auto found = known_.find(input.node);
      if (found == known_.end()) return false;
      inputs.push_back(found->second[input.output]);
    }
    try {
      known_[index] = round(evaluate_reference(op, inputs, node.attributes, node.outputs), node);
      return true;
    } catch (const Error& error) {
      log::debug("not-folded", {{"op", node.op}, {"cause", error.what()}});
      return false;
    }
  }

  // Later nodes must see what a run would: results rounded to their own dtype.
  static std::vector<Tensor> round(std::vector<Tensor> results, const Node& node) {
    for (std::size_t i = 0; i < results.size(); ++i) {
      results[i] = to_reference(results[i].cast(node.outputs[i].dtype));
    }
    return results;
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
