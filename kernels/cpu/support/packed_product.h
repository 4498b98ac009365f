#pragma once

#include <cstddef>
#include <cstdint>

namespace paceline::kernels::cpu {

// The part of a product that is packed at a time: both operands stay in a second-level cache.
inline constexpr std::int64_t block_rows = 384;
inline constexpr std::int64_t block_columns = 384;
inline constexpr std::int64_t block_depth = 256;

// What one thread needs: the packed blocks, and for halves the sums of a block of results.
constexpr std::int64_t packed_product_floats(std::size_t element_bytes) {
  const std::int64_t packed = (block_rows + block_columns) * block_depth;
  return packed + (element_bytes == sizeof(float) ? 0 : block_rows * block_columns);
}

}  // namespace paceline::kernels::cpu
