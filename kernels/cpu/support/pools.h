#pragma once

#include "kernels/cpu/support/windows.h"

namespace paceline::kernels::cpu {

struct PoolState : WindowState {
  explicit PoolState(const Attributes& attributes)
      : WindowState(attributes), kernel(triple_of(attributes, "kernel", 1)) {}
  Triple kernel;
};

// Calls visit(plane of x as a volume of rank 5 with B = C = 1, number of the plane, window axes, z,
// y, x) for each output in row-major order.
template <typename Visit>
void for_each_window(const PoolState& state, const TensorView& x, const TensorView& out,
                     Visit&& visit) {
  const auto axes = window_axes(state, x, state.kernel, out);
  for (std::int64_t b = 0; b < x.extents[0]; ++b) {
    for (std::int64_t c = 0; c < x.extents[1]; ++c) {
      const TensorView plane = at(x, b * x.strides[0] + c * x.strides[1]);
      for (std::int64_t z = 0; z < axes[0].out; ++z) {
        for (std::int64_t y = 0; y < axes[1].out; ++y) {
          for (std::int64_t i = 0; i < axes[2].out; ++i) {
            visit(plane, b * x.extents[1] + c, axes, Triple{z, y, i});
          }
        }
      }
    }
  }
}

// Calls visit(element, its place on each axis) for the taps of one window that lie within x.
template <typename T, typename Visit>
void for_each_tap(const TensorView& plane, const std::array<WindowAxis, 3>& axes, const Triple& o,
                  Visit&& visit) {
  const Range kz = axes[0].taps(o[0]), ky = axes[1].taps(o[1]), kx = axes[2].taps(o[2]);
  for (std::int64_t a = kz.begin; a < kz.end; ++a) {
    const std::int64_t z = axes[0].place(o[0], a);
    for (std::int64_t b = ky.begin; b < ky.end; ++b) {
      const std::int64_t y = axes[1].place(o[1], b);
      const T* row = plane.as<const T>() + z * plane.strides[2] + y * plane.strides[3];
      for (std::int64_t c = kx.begin; c < kx.end; ++c) {
        const std::int64_t x = axes[2].place(o[2], c);
        visit(row[x * plane.strides[4]], Triple{z, y, x});
      }
    }
  }
}

}  // namespace paceline::kernels::cpu
