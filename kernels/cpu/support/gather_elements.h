#pragma once

#include <array>
#include <cstdint>

#include "common/base/error.h"
#include "kernels/cpu/support/copy_elements.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/rows.h"
#include "kernels/cpu/support/views.h"

namespace paceline::kernels::cpu {

// out[:axis] + [indices] + out[axis + rank of indices:] = data with `axis` at each index. Throws
// `invalid` in the name of `op` on an index that is out of range.
inline void gather_elements(const char* op, const TensorView& data, const TensorView& indices,
                            int axis, const TensorView& out) {
  const int tail = axis + indices.rank;
  const TensorView out_tail = axes(out, tail, out.rank);
  const Rows<2> tails({axes(data, axis + 1, data.rank), out_tail});
  const TensorView out_places = axes(out, axis, tail);
  const std::int64_t step = data.strides[axis] * static_cast<std::int64_t>(size_bytes(data.dtype));
  Indices::visit(indices.dtype, [&]<typename Index>(std::type_identity<Index>) {
    const Rows<2> places({indices, out_places});
    const auto copy_one = [&](std::byte* from, std::byte* to, std::int64_t index) {
      if (index < 0 || index >= data.extents[axis]) {
        throw invalid("{}: index {} is outside [0, {})", op, index, data.extents[axis]);
      }
      tails.for_each({from + index * step, to},
                     [&](const auto& rows, const auto& strides, std::int64_t count) {
                       copy_run(rows[0], strides[0], rows[1], strides[1], count, data.dtype);
                     });
    };
    const std::int64_t out_bytes = static_cast<std::int64_t>(size_bytes(out.dtype));
    for_each_element(std::array{axes(data, 0, axis), axes(out, 0, axis)}, [&](const auto& at) {
      places.for_each({address(indices), at[1]}, [&](const auto& rows, const auto& strides,
                                                     std::int64_t count) {
        const Index* index = reinterpret_cast<const Index*>(rows[0]);
        for (std::int64_t k = 0; k < count; ++k) {
          copy_one(at[0], rows[1] + k * strides[1] * out_bytes, index[k * strides[0]]);
        }
      });
    });
  });
}

}  // namespace paceline::kernels::cpu
