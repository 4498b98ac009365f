#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/support/rows.h"
#include "kernels/cpu/support/views.h"

namespace paceline::kernels::cpu {

// Calls visit(unsigned integer of that many bytes): all that copying needs to know of a type.
template <typename Visit>
void visit_element_bytes(Dtype dtype, Visit&& visit) {
  switch (size_bytes(dtype)) {
    case 1:
      return visit(std::uint8_t{});
    case 2:
      return visit(std::uint16_t{});
    case 4:
      return visit(std::uint32_t{});
    default:
      return visit(std::uint64_t{});
  }
}

// Copies `count` elements of `bytes` each; one side or both may have gaps or run backwards.
inline void copy_run(const std::byte* from, std::int64_t from_stride, std::byte* to,
                     std::int64_t to_stride, std::int64_t count, Dtype dtype) {
  if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, count * size_bytes(dtype));
    return;
  }
  visit_element_bytes(dtype, [&]<typename T>(T) {
    const T* source = reinterpret_cast<const T*>(from);
    T* target = reinterpret_cast<T*>(to);
    for (std::int64_t k = 0; k < count; ++k) target[k * to_stride] = source[k * from_stride];
  });
}

// The axis along which `from` lies closest while its last axis does not: a stored transpose.
// -1 when rows are read well as they are.
inline int transposed_axis(const TensorView& from) {
  if (from.rank < 2 || from.strides[from.rank - 1] == 1 || from.strides[from.rank - 1] == 0)
    return -1;
  for (int axis = 0; axis < from.rank - 1; ++axis) {
    if (from.strides[axis] == 1 && from.extents[axis] > 1) return axis;
  }
  return -1;
}

// Copies a transpose in square tiles, so that each cache line of either side is fetched once.
inline void copy_transposed(const TensorView& from, const TensorView& to, int axis) {
  constexpr std::int64_t tile = 16;
  const int last = from.rank - 1;
  const std::int64_t rows = from.extents[axis], columns = from.extents[last];
  const Rows<2> others(
      {without_axis(axes(from, 0, last), axis), without_axis(axes(to, 0, last), axis)});
  visit_element_bytes(from.dtype, [&]<typename T>(T) {
    const auto copy_tile = [&](const T* source, T* target, std::int64_t row, std::int64_t column) {
      const std::int64_t row_end = std::min(row + tile, rows);
      const std::int64_t column_end = std::min(column + tile, columns);
      for (std::int64_t i = row; i < row_end; ++i) {
        for (std::int64_t j = column; j < column_end; ++j) {
          target[i * to.strides[axis] + j * to.strides[last]] =
              source[i * from.strides[axis] + j * from.strides[last]];
        }
      }
    };
    others.for_each({address(from), address(to)},
                    [&](auto at, const auto& strides, std::int64_t count) {
                      for (std::int64_t k = 0; k < count; ++k) {
                        const T* source = reinterpret_cast<const T*>(at[0]) + k * strides[0];
                        T* target = reinterpret_cast<T*>(at[1]) + k * strides[1];
                        for (std::int64_t row = 0; row < rows; row += tile) {
                          for (std::int64_t column = 0; column < columns; column += tile) {
                            copy_tile(source, target, row, column);
                          }
                        }
                      }
                    });
  });
}

// Copies between views of equal extents and dtype that do not overlap.
inline void copy_elements(const TensorView& from, const TensorView& to) {
  if (const int axis = transposed_axis(from); axis >= 0) return copy_transposed(from, to, axis);
  for_each_row(std::array{from, to},
               [&](const auto& rows, const auto& strides, std::int64_t count) {
                 copy_run(rows[0], strides[0], rows[1], strides[1], count, from.dtype);
               });
}

}  // namespace paceline::kernels::cpu
