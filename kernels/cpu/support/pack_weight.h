#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// A square of elements of 2 or 4 bytes, a vector of 16 bytes wide.
template <typename Unit>
struct TransposedSquare {
  static constexpr std::int64_t side = 16 / sizeof(Unit);
  typedef Unit Vector __attribute__((vector_size(16)));

  // Rows lie so many bytes apart.
  static void copy(const void* from, std::int64_t from_bytes, void* to, std::int64_t to_bytes) {
    Vector rows[side], next[side];
#pragma GCC unroll 8
    for (std::int64_t i = 0; i < side; ++i) {
      std::memcpy(&rows[i], static_cast<const std::byte*>(from) + i * from_bytes, sizeof rows[i]);
    }
    // Each round shuffles the first half of what is there with the second, as cards.
#pragma GCC unroll 8
    for (std::int64_t round = 1; round < side; round *= 2) {
#pragma GCC unroll 8
      for (std::int64_t i = 0; i < side / 2; ++i) {
        next[2 * i] = low_halves(rows[i], rows[i + side / 2]);
        next[2 * i + 1] = high_halves(rows[i], rows[i + side / 2]);
      }
#pragma GCC unroll 8
      for (std::int64_t i = 0; i < side; ++i) rows[i] = next[i];
    }
#pragma GCC unroll 8
    for (std::int64_t i = 0; i < side; ++i) {
      std::memcpy(static_cast<std::byte*>(to) + i * to_bytes, &rows[i], sizeof rows[i]);
    }
  }

 private:
  static Vector low_halves(Vector a, Vector b) {
    if constexpr (side == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    if constexpr (side == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
  }
  static Vector high_halves(Vector a, Vector b) {
    if constexpr (side == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    if constexpr (side == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  }
};

// `pack_weight`, for elements of which only the size matters (T).
template <typename T>
class WeightPacking {
 public:
  WeightPacking(const TensorView& weight, const TensorView& out, bool transposed)
      : from_(weight.as<const T>()),
        to_(out.as<T>()),
        inner_(weight.extents[transposed ? 1 : 0]),
        columns_(weight.extents[transposed ? 0 : 1]),
        inner_stride_(weight.strides[transposed ? 1 : 0]),
        column_stride_(weight.strides[transposed ? 0 : 1]),
        groups_(out.extents[1]),
        tile_(out.extents[2]),
        depth_(out.extents[3]) {}

  std::int64_t panel_elements() const { return groups_ * tile_ * depth_; }

  void pack(std::int64_t panel) const {
    T* to = to_ + panel * panel_elements();
    const T* from = from_ + panel * tile_ * column_stride_;
    const std::int64_t columns = std::min(tile_, columns_ - panel * tile_);
    const std::int64_t filled = inner_ / depth_;
    if (columns < tile_ || filled < groups_) std::fill_n(to, panel_elements(), T{});
    // Blocks of a few cache lines of each column, so that lines of either side are fetched once.
    constexpr std::int64_t block = 512 / sizeof(T);
    for (std::int64_t k = 0; k < inner_; k += block) {
      const std::int64_t end = std::min(inner_, k + block);
      if (depth_ == 1 && column_stride_ == 1) {
        pack_rows(from, to, columns, k, end);
      } else if (depth_ == 2 && column_stride_ == 1) {
        pack_pairs_of_rows(from, to, columns, k, end);
      } else if (depth_ == 1 && inner_stride_ == 1) {
        pack_lines<1>(from, to, columns, k, end);
      } else if (depth_ == 2 && inner_stride_ == 1) {
        pack_lines<2>(from, to, columns, k, end);
      } else {
        pack_elements(from, to, columns, k, end);
      }
    }
  }

 private:
  // Elements of a row side by side, as a panel has them.
  void pack_rows(const T* from, T* to, std::int64_t columns, std::int64_t k,
                 std::int64_t end) const {
    for (; k < end; ++k) std::copy_n(from + k * inner_stride_, columns, to + k * tile_);
  }

  // Requires: k is even.
  void pack_pairs_of_rows(const T* from, T* to, std::int64_t columns, std::int64_t k,
                          std::int64_t end) const {
    for (; k + 2 <= end; k += 2) {
      const T *first = from + k * inner_stride_, *second = first + inner_stride_;
      T* pairs = to + k * tile_;
      for (std::int64_t j = 0; j < columns; ++j) {
        pairs[2 * j] = first[j];
        pairs[2 * j + 1] = second[j];
      }
    }
    if (k < end) pack_elements(from, to, columns, k, end);
  }

  // Elements of a column side by side. Requires: k is a multiple of the depth.
  template <std::int64_t depth>
  void pack_lines(const T* from, T* to, std::int64_t columns, std::int64_t k,
                  std::int64_t end) const {
    std::int64_t j = 0;
    if constexpr (constexpr std::size_t bytes = depth * sizeof(T); bytes == 2 || bytes == 4) {
      using Unit = std::conditional_t<bytes == 2, std::uint16_t, std::uint32_t>;
      constexpr std::int64_t side = TransposedSquare<Unit>::side;
      const std::int64_t whole = k + (end - k) / (side * depth) * (side * depth);
      for (; j + side <= columns; j += side) {
        for (std::int64_t i = k; i < whole; i += side * depth) {
          TransposedSquare<Unit>::copy(
              from + j * column_stride_ + i, column_stride_ * std::int64_t{sizeof(T)},
              to + i * tile_ + j * depth, tile_ * depth * std::int64_t{sizeof(T)});
        }
        for (std::int64_t of = j; of < j + side; ++of) pack_line<depth>(from, to, of, whole, end);
      }
    }
    for (; j < columns; ++j) pack_line<depth>(from, to, j, k, end);
  }

  template <std::int64_t depth>
  void pack_line(const T* from, T* to, std::int64_t j, std::int64_t k, std::int64_t end) const {
    const T* column = from + j * column_stride_;
    T* line = to + k * tile_ + j * depth;
    std::int64_t i = k;
    for (; i + depth <= end; i += depth, line += tile_ * depth) {
      std::memcpy(line, column + i, depth * sizeof(T));
    }
    std::copy_n(column + i, end - i, line);
  }

  void pack_elements(const T* from, T* to, std::int64_t columns, std::int64_t k,
                     std::int64_t end) const {
    for (std::int64_t j = 0; j < columns; ++j) {
      const T* column = from + j * column_stride_;
      for (std::int64_t i = k; i < end; ++i) {
        to[(i / depth_ * tile_ + j) * depth_ + i % depth_] = column[i * inner_stride_];
      }
    }
  }

  const T* from_;
  T* to_;
  std::int64_t inner_, columns_, inner_stride_, column_stride_, groups_, tile_, depth_;
};

// Panels `first`, ... below `last` each, as share(count, elements of one, body) deals them.
template <typename Share>
void pack_weight_panels(const Call& call, bool transposed, const Share& share) {
  const TensorView &weight = call.inputs[0], &out = call.outputs[0];
  visit_element_bytes(weight.dtype, [&]<typename T>(T) {
    const WeightPacking<T> packing(weight, out, transposed);
    share(out.extents[0], packing.panel_elements(), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t panel = first; panel < last; ++panel) packing.pack(panel);
    });
  });
}

}  // namespace paceline::kernels::cpu
