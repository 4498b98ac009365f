#include "ops-tools/bench/limits.h"

#include <algorithm>
#include <vector>

namespace paceline::bench {
namespace {

double bytes_of(const TensorType& type, const Bindings& bindings) {
  return static_cast<double>(element_count(evaluate(type.shape, bindings))) *
         static_cast<double>(size_bytes(type.dtype));
}

double flops_of(const Graph& graph, const Node& node, const OpSet& ops, const Bindings& bindings) {
  const Op& op = ops.get(node.op);
  if (!op.work) return 0;
  std::vector<TensorType> types;
  for (const ValueRef& input : node.inputs) types.push_back(graph.type(input));
  const Work work = op.work({types, node.attributes});
  return static_cast<double>(work.flops.evaluate(bindings));
}

}  // namespace

Need need_of(const Graph& graph, const OpSet& ops, const Bindings& bindings) {
  Need need;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::op) {
      need.flops += flops_of(graph, node, ops, bindings);
    } else if (node.kind == NodeKind::input || node.kind == NodeKind::weight) {
      need.bytes += bytes_of(node.outputs.front(), bindings);
    }
  }
  for (const NamedOutput& output : graph.outputs()) {
    need.bytes += bytes_of(graph.type(output.value), bindings);
  }
  return need;
}

double roofline_seconds(const Need& need, const Roofline& roofline,
                        std::int64_t last_level_cache_bytes) {
  const bool is_cached = need.bytes < 0.5 * static_cast<double>(last_level_cache_bytes);
  const double rate = is_cached ? roofline.cache_bytes_per_s : roofline.bytes_per_s;
  return std::max(need.flops / roofline.flops_per_s, need.bytes / rate);
}

}  // namespace paceline::bench
