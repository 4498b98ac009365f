#pragma once

#include <optional>
#include <vector>

#include "common/graph/graph.h"

// Which nodes can compute on channels in blocks (common/ops/channel_blocks.h), and as what.
namespace paceline::layout {

// A node that has a blocked form. Its output 0, [B,C,H,W], is in blocks then.
struct BlockedNode {
  enum class Kind { convolution, winograd, depthwise, from_plain, pool, elementwise } kind;
  std::vector<int> blocked;   // Inputs that must be in blocks; others are taken as they are.
  std::int64_t channels = 0;  // Of the output.
};

// By node; nullopt for what stays as it is: filters must be bound with the weights, and channels
// known. f32 alone.
std::vector<std::optional<BlockedNode>> blocked_nodes(const Graph& graph, const OpSet& ops);

// The forms among which the node's cheapest is: its own, and for what Winograd's algorithm computes
// that one in blocks.
std::vector<BlockedNode> rivals_of(const Graph& graph, std::int32_t node, const BlockedNode& own);

// Adds the node's blocked form to a graph under construction. `inputs` are those of the node, in
// blocks where they must be.
Value add_blocked(GraphBuilder& builder, const Graph& graph, std::int32_t node,
                  const BlockedNode& as, const std::vector<Value>& inputs);

// The filters of a convolution [M,C,h,w]: where a transform of them is read, those before it.
ValueRef filters_of(const Graph& graph, std::int32_t node);

Value pack_channels(const Value& x);
Value unpack_channels(const Value& x, std::int64_t channels);

}  // namespace paceline::layout
