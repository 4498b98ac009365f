#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/graph/tensor.h"

// How references walk over their operands, which are dense and hold f64, i64 or bool.
namespace paceline::ops {

// Visits every index of `extents`, the last axis fastest.
template <typename Visit>
void for_each_index(const Extents& extents, Visit&& visit) {
  std::vector<std::int64_t> index(extents.size(), 0);
  const std::int64_t count = element_count(extents);
  for (std::int64_t i = 0; i < count; ++i) {
    visit(std::as_const(index));
    for (std::size_t axis = extents.size(); axis-- > 0;) {
      if (++index[axis] < extents[axis]) break;
      index[axis] = 0;
    }
  }
}

// Where the element at `index` lies.
inline std::int64_t offset_of(std::span<const std::int64_t> index,
                              std::span<const std::int64_t> strides) {
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < strides.size(); ++axis) offset += index[axis] * strides[axis];
  return offset;
}

// A dense tensor seen along one axis: element (o, i, n) is at offset(o, i, n), for o below `outer`,
// i below `extent`, n below `inner`.
struct Rows {
  std::int64_t outer = 1;
  std::int64_t extent = 1;
  std::int64_t inner = 1;

  std::int64_t offset(std::int64_t o, std::int64_t i, std::int64_t n) const {
    return (o * extent + i) * inner + n;
  }
};

inline Rows rows_of(const Extents& extents, int axis) {
  const auto at = extents.begin() + axis;
  return {.outer = element_count(Extents(extents.begin(), at)),
          .extent = *at,
          .inner = element_count(Extents(at + 1, extents.end()))};
}

// Copies `count` elements; both tensors have the same dtype.
inline void copy_elements(const Tensor& from, std::int64_t source, const Tensor& to,
                          std::int64_t target, std::int64_t count = 1) {
  const std::size_t size = size_bytes(from.dtype());
  if (count == 0) return;
  std::memcpy(to.as<std::byte>() + target * size, from.as<std::byte>() + source * size,
              count * size);
}

// Calls `visit(std::type_identity<T>{})` with the element type of a reference's operand.
template <typename Visit>
void visit_wide(Dtype dtype, Visit&& visit) {
  switch (dtype) {
    case Dtype::f64:
      return visit(std::type_identity<double>{});
    case Dtype::i64:
      return visit(std::type_identity<std::int64_t>{});
    default:
      return visit(std::type_identity<bool>{});
  }
}

// The order of argmax and top_k: NaN counts as the largest.
template <typename T>
bool ranks_above(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a > b;
}

}  // namespace paceline::ops
