#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

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
    constexpr std::int64_t block = 64;
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
    for (std::int64_t j = 0; j < columns; ++j) {
      const T* column = from + j * column_stride_;
      T* line = to + k * tile_ + j * depth;
      std::int64_t i = k;
      for (; i + depth <= end; i += depth, line += tile_ * depth) {
        std::memcpy(line, column + i, depth * sizeof(T));
      }
      std::copy_n(column + i, end - i, line);
    }
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
