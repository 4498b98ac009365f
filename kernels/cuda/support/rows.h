#pragma once

#include <array>
#include <cstddef>

#include "kernels/cpu/support/views.h"
#include "kernels/cuda/device/norms.h"
#include "kernels/cuda/support/views.h"

namespace paceline::kernels::cuda {

using cpu::axis_of;
using cpu::without_axis;

// The rows of operands along `axis`; their extents beside it are equal.
template <typename Rows, std::size_t operands>
Rows rows_along(const std::array<TensorView, operands>& views, int axis) {
  Rows rows;
  std::array<TensorView, operands> others;
  for (std::size_t i = 0; i < operands; ++i) {
    others[i] = without_axis(views[i], axis);
    rows.steps[i] = views[i].strides[axis];
  }
  rows.width = views[0].extents[axis];
  rows.rows = Walk<static_cast<int>(operands)>(loop_over<operands>(others));
  return rows;
}

}  // namespace paceline::kernels::cuda
