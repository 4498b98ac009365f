#include "common/models/onnx/windows.h"

#include <algorithm>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

constexpr std::int64_t side_max = 1 << 20;

std::size_t spatial_count(const Shape& x) {
  if (x.size() < 3) throw invalid("[batch, channels, ...] is needed: {}", to_string(x));
  return x.size() - 2;
}

// So much that ceil(extent / stride) windows fit.
std::int64_t same_padding(const Dim& extent, std::int64_t reach, std::int64_t stride) {
  if (stride == 1) return reach - 1;
  if (const auto windows = extent.divide_exactly(stride))
    return std::max<std::int64_t>(reach - stride, 0);
  const std::int64_t number = fixed(extent, "an axis padded to its own extent with strides");
  const std::int64_t windows = (number + stride - 1) / stride;
  return std::max<std::int64_t>((windows - 1) * stride + reach - number, 0);
}

}  // namespace

Attributes Windows::attributes() const {
  return {{"strides", strides}, {"dilations", dilations}, {"pads_low", low}, {"pads_high", high}};
}

Axes spatial(const Call& call, std::string_view name, std::size_t count, std::int64_t missing) {
  const Axes given = call.integers(name).value_or(Axes(count, missing));
  if (given.size() != count) {
    throw invalid("{} must have {} entries, one an axis: {}", name, count, given.size());
  }
  return given;
}

Axes kernel_of(const Call& call, const Shape& x) {
  if (!call.has_attribute("kernel_shape")) throw invalid("kernel_shape is missing");
  return spatial(call, "kernel_shape", spatial_count(x), 1);
}

Axes kernel_of_weight(const Call& call, const Shape& weight) {
  const std::size_t count = spatial_count(weight);
  const Axes kernel = fixed(Shape(weight.begin() + 2, weight.end()), "a convolution's weight");
  if (call.has_attribute("kernel_shape") && spatial(call, "kernel_shape", count, 1) != kernel) {
    throw invalid("kernel_shape is not that of the weight: {}", to_string(weight));
  }
  return kernel;
}

Windows windows_of(const Call& call, const Shape& x, const Axes& kernel) {
  const std::size_t count = spatial_count(x);
  if (kernel.size() != count) {
    throw invalid("windows over {} axes do not fit {}", kernel.size(), to_string(x));
  }
  Windows windows{kernel, spatial(call, "strides", count, 1), spatial(call, "dilations", count, 1),
                  Axes(count, 0), Axes(count, 0)};
  for (std::size_t axis = 0; axis < count; ++axis) {
    const auto is_sound = [](std::int64_t n) { return n >= 1 && n <= side_max; };
    if (!is_sound(kernel[axis]) || !is_sound(windows.strides[axis]) ||
        !is_sound(windows.dilations[axis])) {
      throw invalid("kernel, strides and dilations must lie in [1, 2^20]: {}, {}, {}", kernel[axis],
                    windows.strides[axis], windows.dilations[axis]);
    }
  }
  const std::string automatic = call.text("auto_pad", "NOTSET");
  if (automatic == "VALID") return windows;
  if (automatic == "NOTSET" || automatic.empty()) {
    const Axes pads = call.integers("pads").value_or(Axes(2 * count, 0));
    if (pads.size() != 2 * count) {
      throw invalid("{} pads for {} axes: two for each are needed", pads.size(), count);
    }
    windows.low.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(count));
    windows.high.assign(pads.begin() + static_cast<std::ptrdiff_t>(count), pads.end());
    return windows;
  }
  if (automatic != "SAME_UPPER" && automatic != "SAME_LOWER") {
    throw invalid("auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID: \"{}\"", automatic);
  }
  for (std::size_t axis = 0; axis < count; ++axis) {
    const std::int64_t reach = (kernel[axis] - 1) * windows.dilations[axis] + 1;
    const std::int64_t padding = same_padding(x[axis + 2], reach, windows.strides[axis]);
    const std::int64_t smaller = padding / 2;
    windows.low[axis] = automatic == "SAME_UPPER" ? smaller : padding - smaller;
    windows.high[axis] = padding - windows.low[axis];
  }
  return windows;
}

}  // namespace paceline::onnx
