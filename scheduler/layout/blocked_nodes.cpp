#include "scheduler/layout/blocked_nodes.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "common/ops/channel_blocks.h"
#include "common/ops/winograd.h"
#include "scheduler/passes/statics.h"

namespace paceline::layout {

namespace {

using Integers = std::vector<std::int64_t>;
using ops::channel_block;
using ops::channel_blocks;
using Kind = BlockedNode::Kind;

bool is_image(const TensorType& type) {
  return type.dtype == Dtype::f32 && type.shape.size() == 4 && type.shape[1].constant();
}

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> names) {
  return std::ranges::count(names, op) > 0;
}

// The input that is the bias, where there is one.
std::size_t bias_of(const Node& node) { return node.op == "conv_residual" ? 3 : 2; }

std::optional<BlockedNode> convolution(const Graph& graph, std::int32_t index,
                                       const std::vector<bool>& is_static) {
  const Node& node = graph.node(index);
  if (!is_one_of(node.op, {"conv", "conv_activation", "conv_residual", "conv_winograd"})) {
    return std::nullopt;
  }
  const ValueRef filters = filters_of(graph, index);
  if (filters.node < 0 || !is_static[filters.node]) return std::nullopt;
  const std::size_t bias = bias_of(node);
  if (node.inputs.size() > bias && !is_static[node.inputs[bias].node]) return std::nullopt;
  const Shape& weight = graph.type(filters).shape;
  if (!is_constant(weight) || weight.size() != 4) return std::nullopt;
  const std::int64_t rows = *weight[0].constant(), depth = *weight[1].constant();
  const std::int64_t groups =
      node.op == "conv_winograd" ? 1 : node.attributes.get<std::int64_t>("groups");
  BlockedNode as{.kind = Kind::convolution, .blocked = {0}, .channels = rows};
  if (groups > 1) {
    if (groups != rows || depth != 1) return std::nullopt;
    as.kind = Kind::depthwise;
  } else if (depth < channel_block) {
    as.kind = Kind::from_plain;
    as.blocked.clear();
  }
  if (node.op == "conv_residual") as.blocked.push_back(2);
  return as;
}

// Elementwise ops on whole blocks; those that keep zeros finite, on all.
std::optional<BlockedNode> elementwise(const Graph& graph, const Node& node, const OpSet& ops) {
  const Op& op = ops.get(node.op);
  const std::int64_t channels = *node.outputs[0].shape[1].constant();
  const bool is_harmless = is_one_of(node.op, {"add", "relu", "mul"});
  if (!op.facts.elementwise || op.view || node.outputs.size() != 1) return std::nullopt;
  if (channels % channel_block != 0 && !is_harmless) return std::nullopt;
  BlockedNode as{.kind = Kind::elementwise, .blocked = {}, .channels = channels};
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const TensorType& type = graph.type(node.inputs[i]);
    if (type.dtype != Dtype::f32 || type.shape != node.outputs[0].shape) return std::nullopt;
    as.blocked.push_back(static_cast<int>(i));
  }
  return as;
}

Value padded(const Value& x, const Integers& high) {
  if (std::ranges::all_of(high, [](std::int64_t h) { return h == 0; })) return x;
  return x.builder().op("pad", {x}, {{"low", Integers(high.size(), 0)}, {"high", high}});
}

Value blocked_filters(const Value& weight, Kind kind) {
  const std::int64_t rows = *weight.dim(0).constant(), depth = *weight.dim(1).constant();
  const std::int64_t blocks = channel_blocks(rows), planes = channel_blocks(depth);
  const Dim &height = weight.dim(2), &width = weight.dim(3);
  const std::int64_t more = blocks * channel_block - rows;
  const auto dense = [](const Value& view) { return view.builder().op("copy", {view}); };
  switch (kind) {
    case Kind::depthwise:
      return dense(padded(weight, {more, 0, 0, 0})
                       .reshape({blocks, channel_block, height, width})
                       .permute({0, 2, 3, 1}));
    case Kind::from_plain:
      return dense(padded(weight, {more, 0, 0, 0})
                       .reshape({blocks, channel_block, depth, height, width})
                       .permute({0, 2, 3, 4, 1}));
    case Kind::winograd: {
      const Value whole = padded(weight, {more, planes * channel_block - depth, 0, 0});
      return dense(weight.builder()
                       .op("winograd_filter", {whole})
                       .reshape({ops::winograd_window * ops::winograd_window, blocks, channel_block,
                                 planes, channel_block})
                       .permute({1, 0, 3, 4, 2}));
    }
    default:
      return dense(padded(weight, {more, planes * channel_block - depth, 0, 0})
                       .reshape({blocks, channel_block, planes, channel_block, height, width})
                       .permute({0, 2, 4, 5, 3, 1}));
  }
}

Value blocked_bias(GraphBuilder& builder, const Value* bias, std::int64_t rows) {
  const std::int64_t blocks = channel_blocks(rows);
  if (bias == nullptr) return builder.constant(Tensor(Dtype::f32, {blocks, channel_block}));
  return padded(*bias, {blocks * channel_block - rows}).reshape({blocks, channel_block});
}

Attributes winograd_attributes(const Node& node) {
  Attributes attributes;
  for (const char* name : {"pads_low", "pads_high", "activation", "low", "high"}) {
    if (const auto* value = node.attributes.find(name)) attributes.set(name, *value);
  }
  return attributes;
}

Attributes blocked_attributes(const Node& node) {
  Attributes attributes{{"strides", Integers{1, 1}},
                        {"dilations", Integers{1, 1}},
                        {"activation", std::string("none")},
                        {"low", 0.0},
                        {"high", 0.0}};
  for (const char* name :
       {"strides", "dilations", "pads_low", "pads_high", "activation", "low", "high"}) {
    if (const auto* value = node.attributes.find(name)) attributes.set(name, *value);
  }
  return attributes;
}

// Windows of one element along the lanes of a block.
Attributes blocked_windows(const Node& node) {
  Attributes attributes = node.attributes;
  for (const char* name : {"kernel", "strides", "dilations", "pads_low", "pads_high"}) {
    Integers values = node.attributes.get<Integers>(name);
    values.push_back(std::string_view(name).starts_with("pads") ? 0 : 1);
    attributes.set(name, values);
  }
  return attributes;
}

}  // namespace

ValueRef filters_of(const Graph& graph, std::int32_t node) {
  const ValueRef given = graph.node(node).inputs[1];
  if (graph.node(node).op != "conv_winograd") return given;
  const Node& transform = graph.node(given.node);
  return transform.op == "winograd_filter" ? transform.inputs[0] : ValueRef{};
}

std::vector<std::optional<BlockedNode>> blocked_nodes(const Graph& graph, const OpSet& ops) {
  const std::vector<bool> is_static = static_nodes(graph, ops);
  std::vector<std::optional<BlockedNode>> nodes(graph.nodes().size());
  for (std::int32_t n = 0; n < std::ssize(nodes); ++n) {
    const Node& node = graph.node(n);
    if (node.kind != NodeKind::op || is_static[n] || !is_image(node.outputs[0])) continue;
    if (node.inputs.empty() || !is_image(graph.type(node.inputs[0]))) continue;
    if (is_one_of(node.op, {"max_pool", "average_pool"})) {
      nodes[n] = BlockedNode{
          .kind = Kind::pool, .blocked = {0}, .channels = *node.outputs[0].shape[1].constant()};
    } else if (auto as = convolution(graph, n, is_static)) {
      nodes[n] = std::move(as);
    } else {
      nodes[n] = elementwise(graph, node, ops);
    }
  }
  return nodes;
}

std::vector<BlockedNode> rivals_of(const Graph& graph, std::int32_t node, const BlockedNode& own) {
  std::vector<BlockedNode> rivals{own};
  if (graph.node(node).op == "conv_winograd" && own.kind == Kind::convolution) {
    rivals.push_back(own);
    rivals.back().kind = Kind::winograd;
  }
  return rivals;
}

Value add_blocked(GraphBuilder& builder, const Graph& graph, std::int32_t index,
                  const BlockedNode& as, const std::vector<Value>& inputs) {
  const Node& node = graph.node(index);
  if (as.kind == Kind::elementwise) return builder.op(node.op, inputs, node.attributes, node.name);
  if (as.kind == Kind::pool) {
    return builder.op(node.op, inputs, blocked_windows(node), node.name);
  }
  const std::size_t bias = bias_of(node);
  std::vector<Value> operands{
      inputs[0], blocked_filters(inputs[1], as.kind),
      blocked_bias(builder, inputs.size() > bias ? &inputs[bias] : nullptr, as.channels)};
  if (as.kind == Kind::winograd) {
    return builder.op("conv_winograd_blocked", operands, winograd_attributes(node), node.name);
  }
  const bool has_residual = node.op == "conv_residual";
  if (has_residual) operands.push_back(inputs[2]);
  return builder.op(has_residual ? "conv_blocked_residual" : "conv_blocked", operands,
                    blocked_attributes(node), node.name);
}

Value pack_channels(const Value& x) { return x.builder().op("pack_channels", {x}); }

Value unpack_channels(const Value& x, std::int64_t channels) {
  return x.builder().op("unpack_channels", {x}, {{"channels", channels}});
}

}  // namespace paceline::layout
