#include <cmath>
#include <functional>

#include "scheduler/rules/families.h"

// x / sqrt(mean(x * x) + epsilon) without a weight, as exporters leave it where a cast stands
// before the weight. The op needs a weight, and no operand has its shape: hence code.
namespace paceline::rules {

namespace {

using egraph::ClassId;
using egraph::EGraph;
using egraph::ENode;
using egraph::NodeId;

using Number = std::optional<double>;

// The first answer that a node of an op in the class gives.
Number ask_nodes(const EGraph& graph, ClassId id, std::string_view op,
                 const std::function<Number(const ENode&)>& ask) {
  for (const NodeId node : graph.nodes_of(id)) {
    if (!graph.operator_of(node).is(op)) continue;
    if (const Number answer = ask(graph.node(node))) return answer;
  }
  return std::nullopt;
}

Number yes_if(bool holds) { return holds ? Number(1) : std::nullopt; }

bool is_square(const EGraph& graph, ClassId id, ClassId x) {
  return ask_nodes(
             graph, id, "mul",
             [&](const ENode& node) {
               return yes_if(graph.same(node.children[0], x) && graph.same(node.children[1], x));
             })
      .has_value();
}

// The sum over the last axis, which stays with extent 1, of the squares of x.
bool is_sum_of_squares(const EGraph& graph, ClassId id, ClassId x) {
  const std::int64_t last = static_cast<std::int64_t>(graph.facts(x).type.shape.size()) - 1;
  return ask_nodes(graph, id, "reduce_sum",
                   [&](const ENode& node) {
                     const Attributes& attributes = graph.operators()[node.op].attributes;
                     const auto& axes = attributes.get<std::vector<std::int64_t>>("axes");
                     const bool is_last = axes.size() == 1 && (axes[0] == -1 || axes[0] == last);
                     return yes_if(is_last && attributes.get<bool>("keep_dims") &&
                                   is_square(graph, node.children[0], x));
                   })
      .has_value();
}

bool is_mean_square(const EGraph& graph, ClassId id, ClassId x) {
  const auto extent = graph.facts(x).type.shape.back().constant();
  if (!extent || *extent == 0) return false;
  return ask_nodes(graph, id, "div",
                   [&](const ENode& node) {
                     const Number divisor = graph.facts(node.children[1]).splat;
                     return yes_if(divisor && *divisor == static_cast<double>(*extent) &&
                                   is_sum_of_squares(graph, node.children[0], x));
                   })
      .has_value();
}

Number epsilon_of_sum(const EGraph& graph, const ENode& sum, ClassId x) {
  for (const std::size_t i : {0, 1}) {
    const Number epsilon = graph.facts(sum.children[i]).splat;
    if (!epsilon || !std::isfinite(*epsilon)) continue;
    if (is_mean_square(graph, sum.children[1 - i], x)) return epsilon;
  }
  return std::nullopt;
}

// Epsilon, when the class is rsqrt(mean(x * x) + epsilon) spread over x.
Number epsilon_of_scale(const EGraph& graph, ClassId id, ClassId x) {
  return ask_nodes(graph, id, "broadcast", [&](const ENode& spread) {
    return ask_nodes(graph, spread.children[0], "rsqrt", [&](const ENode& root) {
      return ask_nodes(graph, root.children[0], "add",
                       [&](const ENode& sum) { return epsilon_of_sum(graph, sum, x); });
    });
  });
}

std::optional<ClassId> lift(EGraph& graph, NodeId node) {
  const std::vector<ClassId> children = graph.node(node).children;
  for (const std::size_t i : {0, 1}) {
    const ClassId x = children[i];
    const TensorType type = graph.facts(x).type;
    if (type.shape.empty() || !is_float(type.dtype)) continue;
    const Number epsilon = epsilon_of_scale(graph, children[1 - i], x);
    if (!epsilon) continue;
    const ClassId ones = graph.add_splat(1, {type.dtype, {type.shape.back()}});
    return graph.add("rms_norm", {{"epsilon", *epsilon}}, {x, ones});
  }
  return std::nullopt;
}

}  // namespace

egraph::DynamicRule lift_norm_of_ones() {
  return {"lift-rms-norm-of-ones", Precision::reorders, "mul", lift};
}

}  // namespace paceline::rules
