#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/views.h"

// Windows that slide over the spatial axes of x[B,C,spatial 1 to 3]. Kernels see three spatial
// axes: where there are fewer, the leading ones have extent 1.
namespace paceline::kernels::cpu {

using Triple = std::array<std::int64_t, 3>;

// A list attribute with an entry a spatial axis; `filler` stands for the axes that are not there.
inline Triple triple_of(const Attributes& attributes, std::string_view name, std::int64_t filler) {
  const auto& values = attributes.get<std::vector<std::int64_t>>(name);
  Triple triple = {filler, filler, filler};
  std::copy(values.begin(), values.end(), triple.end() - std::ssize(values));
  return triple;
}

struct WindowState : Prepared {
  explicit WindowState(const Attributes& attributes)
      : stride(triple_of(attributes, "strides", 1)),
        dilation(triple_of(attributes, "dilations", 1)),
        low(triple_of(attributes, "pads_low", 0)),
        high(triple_of(attributes, "pads_high", 0)) {}
  Triple stride, dilation, low, high;
};

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  bool empty() const { return begin >= end; }
};

// One spatial axis: where tap k of window o lies, and which of them lie within x.
struct WindowAxis {
  std::int64_t in, kernel, out, stride, dilation, low, high;

  std::int64_t place(std::int64_t o, std::int64_t k) const {
    return o * stride + k * dilation - low;
  }
  // The windows whose tap k lies within x.
  Range windows(std::int64_t k) const {
    const std::int64_t shift = low - k * dilation;
    const std::int64_t begin = shift <= 0 ? 0 : (shift + stride - 1) / stride;
    const std::int64_t end = in + shift <= 0 ? 0 : (in - 1 + shift) / stride + 1;
    return {std::min(begin, out), std::min(end, out)};
  }
  // The taps of window o that lie within x; with its padding on both sides when `padded`.
  Range taps(std::int64_t o, bool padded = false) const {
    const std::int64_t first = place(o, 0);
    const std::int64_t least = padded ? -low : 0, limit = padded ? in + high : in;
    const std::int64_t begin = first >= least ? 0 : (least - first + dilation - 1) / dilation;
    const std::int64_t end = first >= limit ? 0 : (limit - 1 - first) / dilation + 1;
    return {std::min(begin, kernel), std::min(end, kernel)};
  }
};

// [B,C,spatial...] as [B,C,z,y,x].
inline TensorView as_volume(const TensorView& view) {
  TensorView volume = view;
  volume.rank = 5;
  const int missing = 5 - view.rank;
  for (int axis = 4; axis >= 2; --axis) {
    const bool is_there = axis - missing >= 2;
    volume.extents[axis] = is_there ? view.extents[axis - missing] : 1;
    volume.strides[axis] = is_there ? view.strides[axis - missing] : 0;
  }
  return volume;
}

inline std::array<WindowAxis, 3> window_axes(const WindowState& state, const TensorView& x,
                                             const Triple& kernel, const TensorView& out) {
  std::array<WindowAxis, 3> axes;
  for (int i = 0; i < 3; ++i) {
    axes[i] = {x.extents[i + 2],  kernel[i],    out.extents[i + 2], state.stride[i],
               state.dilation[i], state.low[i], state.high[i]};
  }
  return axes;
}

inline Triple spatial_extents(const TensorView& volume) {
  return {volume.extents[2], volume.extents[3], volume.extents[4]};
}

}  // namespace paceline::kernels::cpu
