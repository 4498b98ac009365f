#pragma once

#include <cstdint>
#include <vector>

#include "common/ops/support/infer.h"

// How `pack_weight` orders the elements of a weight of K by N, and `linear_packed` reads them:
// panels of `tile` columns; in a panel group after group of `depth` elements along K; in a group
// column after column, each with its `depth` elements. What fills up the last panel and group is
// zero.
namespace paceline::ops {

struct Packing {
  std::int64_t tile = 1;
  std::int64_t depth = 1;

  std::int64_t panels(std::int64_t columns) const { return (columns + tile - 1) / tile; }
  std::int64_t groups(std::int64_t inner) const { return (inner + depth - 1) / depth; }
  Shape shape(std::int64_t inner, std::int64_t columns) const {
    return {panels(columns), groups(inner), tile, depth};
  }
  // Where element k of a column lies, of `inner` in all.
  std::int64_t place(std::int64_t k, std::int64_t column, std::int64_t inner) const {
    const std::int64_t group = column / tile * groups(inner) + k / depth;
    return (group * tile + column % tile) * depth + k % depth;
  }
};

// The extent at `axis` of an operand that must be known when a graph is built. Throws `invalid`.
std::int64_t fixed_extent(const TensorType& type, std::size_t axis);

// What linear_packed and linear_packed_residual share: activation(x times a packed weight, plus
// what stands beside it). The inputs are x, the packed weight, the residual if there is one, and
// perhaps a bias.
struct PackedProduct {
  bool has_residual = false;

  std::size_t bias() const { return has_residual ? 3 : 2; }
  Op op() const;
};

}  // namespace paceline::ops
