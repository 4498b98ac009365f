#pragma once

#include <array>
#include <cstdint>

#include "common/ops/support/infer.h"

// Windows that slide over the spatial axes of x[B,C,spatial 1 to 3]: what convolutions and pools
// share. The attributes `strides`, `dilations`, `pads_low` and `pads_high` have one entry a spatial
// axis.
namespace paceline::ops {

inline constexpr int spatial_rank_max = 3;

int spatial_rank(const TensorType& x);  // Throws `invalid` unless it is 1, 2 or 3.
// The list attribute `name`, with an entry of at least `least` for each spatial axis of x.
const Integers& spatial_integers(const OpInputs& in, std::string_view name, std::int64_t least);

// How many windows of the extents `kernel` fit on each spatial axis of x. With `ceil_mode` a last
// window may reach beyond the padding, if it starts before it. A symbolic extent must be a multiple
// of its stride but for a constant.
Shape window_extents(const OpInputs& in, const Shape& kernel, bool ceil_mode);

// What a window on constant extents visits; where x has fewer axes, the leading ones have extent 1.
struct Windows {
  using Triple = std::array<std::int64_t, spatial_rank_max>;
  Triple in = {1, 1, 1};
  Triple kernel = {1, 1, 1};
  Triple out = {1, 1, 1};
  Triple stride = {1, 1, 1};
  Triple dilation = {1, 1, 1};
  Triple low = {0, 0, 0};
  Triple high = {0, 0, 0};

  // The last entries of `in`, `kernel` and `out` are spatial, the attributes give the rest.
  Windows(const Extents& in, const Extents& kernel, const Extents& out, int rank,
          const Attributes& attributes);

  std::int64_t in_count() const { return in[0] * in[1] * in[2]; }
  std::int64_t kernel_count() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t out_count() const { return out[0] * out[1] * out[2]; }
  // Where tap k of window o lies on an axis; outside [0, in) is padding.
  std::int64_t place(int axis, std::int64_t o, std::int64_t k) const {
    return o * stride[axis] + k * dilation[axis] - low[axis];
  }
  std::int64_t visits(int axis) const;   // Pairs (window, tap) that are not padding.
  std::int64_t touched(int axis) const;  // Elements in some window.
  // Taps of window number `window` within x and its padding.
  std::int64_t taps_with_padding(std::int64_t window) const;

  // Calls visit(number of the tap, number of the element of x) for all taps of a window that are
  // not padding.
  template <typename Visit>
  void for_each_tap(std::int64_t window, Visit&& visit) const;

 private:
  Triple index_of(std::int64_t window) const {
    return {window / (out[1] * out[2]), window / out[2] % out[1], window % out[2]};
  }
};

// The fewest flops of all windows' taps with `flops_each`, and the bytes of what they touch of x;
// as if nothing were padded and all touched while extents are symbolic.
Dim window_visits(const OpInputs& in, const Shape& kernel, const Shape& out);
Dim touched_bytes(const OpInputs& in, const Shape& kernel, const Shape& out);

template <typename Visit>
void Windows::for_each_tap(std::int64_t window, Visit&& visit) const {
  const Triple o = index_of(window);
  for (std::int64_t a = 0; a < kernel[0]; ++a) {
    const std::int64_t z = place(0, o[0], a);
    if (z < 0 || z >= in[0]) continue;
    for (std::int64_t b = 0; b < kernel[1]; ++b) {
      const std::int64_t y = place(1, o[1], b);
      if (y < 0 || y >= in[1]) continue;
      for (std::int64_t c = 0; c < kernel[2]; ++c) {
        const std::int64_t x = place(2, o[2], c);
        if (x < 0 || x >= in[2]) continue;
        visit((a * kernel[1] + b) * kernel[2] + c, (z * in[1] + y) * in[2] + x);
      }
    }
  }
}

}  // namespace paceline::ops
