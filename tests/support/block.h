#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/graph/graph.h"

namespace paceline::test {

// A pre-LN transformer block as in GPT-2: attention and a 4x feed-forward with tanh GELU, each with
// a residual. Input "x" f32[1,N,width], output "y" of the same type.
struct Block {
  Graph graph;
  std::map<std::string, Tensor, std::less<>> weights;  // Seeded normal, scaled by fan-in.
};
Block transformer_block(const OpSet& ops, std::int64_t width, std::int64_t heads, bool causal,
                        std::uint64_t seed);

// The graph alone, for shapes whose weights nobody needs.
Graph transformer_block_graph(const OpSet& ops, std::int64_t width, std::int64_t heads,
                              bool causal);

// Elements of a standard normal distribution.
Tensor random_normal(const Extents& extents, std::uint64_t seed, double scale = 1, double mean = 0);

}  // namespace paceline::test
