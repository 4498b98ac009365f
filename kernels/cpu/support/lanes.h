#pragma once

#include <array>
#include <cstdint>

#include "kernels/cpu/support/rows.h"
#include "kernels/cpu/support/views.h"

namespace paceline::kernels::cpu {

// Elements along one axis.
template <typename T>
struct Lane {
  T* data;
  std::int64_t stride;  // In elements.
  std::int64_t count;

  T& operator[](std::int64_t i) const { return data[i * stride]; }
};

// Calls body(lane of in, lane of out) for each place of the other axes, whose extents are equal.
template <typename In, typename Out, typename Body>
void for_each_lane(const TensorView& in, const TensorView& out, int axis, Body&& body) {
  for_each_element(
      std::array{without_axis(in, axis), without_axis(out, axis)}, [&](const auto& at) {
        body(Lane<const In>{reinterpret_cast<const In*>(at[0]), in.strides[axis], in.extents[axis]},
             Lane<Out>{reinterpret_cast<Out*>(at[1]), out.strides[axis], out.extents[axis]});
      });
}

}  // namespace paceline::kernels::cpu
