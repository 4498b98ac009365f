#include <algorithm>
#include <array>

#include "common/base/error.h"
#include "common/models/onnx/quantise.h"
#include "common/models/onnx/windows.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

Value convolve(const Call& call, const Value& x, const Value& weight,
               const std::optional<Value>& bias) {
  const Windows windows = windows_of(call, x.shape(), kernel_of_weight(call, weight.shape()));
  Attributes attributes = windows.attributes();
  attributes.set("groups", call.integer("group", 1));
  std::vector<Value> operands{x, weight};
  if (bias) operands.push_back(*bias);
  return x.builder().op("conv", operands, attributes);
}

Terms convolution(Call& call) {
  return {convolve(call, call.in(0), call.in(1),
                   call.has(2) ? std::optional(call.in(2)) : std::nullopt)};
}

// Doubles hold every product and sum of 8-bit integers.
Terms integer_convolution(Call& call) {
  const Value x = centered(call, 0, 2, 1);
  const Value weight = centered(call, 1, 3, 0);
  return {convolve(call, x, weight, std::nullopt).cast(Dtype::i32)};
}

// x, its scale and zero point, the weight's, the result's, and a bias in units of both scales.
Terms quantised_convolution(Call& call) {
  const Value x = centered(call, 0, 2, 1);
  const Value weight = centered(call, 3, 5, 0);
  std::optional<Value> bias;
  if (call.has(8)) bias = call.in(8).cast(Dtype::f64);
  const Value sums = convolve(call, x, weight, bias);
  const Value scale_w = call.in(4).cast(Dtype::f64);
  const Value scale =
      call.in(1).cast(Dtype::f64).reshape({}) * (scale_w.rank() == 1 && scale_w.dim(0) != Dim(1)
                                                     ? as_channels(scale_w, sums.rank())
                                                     : scale_w.reshape({}));
  return {quantised(sums * scale, call.in(6).cast(Dtype::f64).reshape({}), call.in(7).reshape({}))};
}

// How much of the full result a node wants to keep, as padding to cut off and zeros to add.
struct Trim {
  Axes low;
  Axes high;
  Axes added;
};

Trim trim_of(const Call& call, const Shape& x, const Windows& windows) {
  const std::size_t count = windows.kernel.size();
  Trim trim{windows.low, windows.high, spatial(call, "output_padding", count, 0)};
  const std::string automatic = call.text("auto_pad", "NOTSET");
  const bool is_same = automatic.starts_with("SAME");
  const auto wanted = call.integers("output_shape");
  if (!is_same && !wanted) return trim;
  const std::size_t skip = wanted && wanted->size() > count ? wanted->size() - count : 0;
  if (wanted && wanted->size() < count) {
    throw invalid("output_shape must have {} entries: {}", count, wanted->size());
  }
  for (std::size_t axis = 0; axis < count; ++axis) {
    const std::int64_t stride = windows.strides[axis];
    const std::int64_t reach = (windows.kernel[axis] - 1) * windows.dilations[axis] + 1;
    // stride * (extent - 1) + reach + added - wanted; extents times strides cancel when SAME.
    Dim whole = Dim(reach - stride) + Dim(trim.added[axis]);
    if (wanted) {
      const std::int64_t extent = fixed(x[axis + 2], "an axis with a wanted output");
      whole += Dim(stride) * Dim(extent) - Dim((*wanted)[axis + skip]);
    }
    std::int64_t total = fixed(whole, "output_shape");
    if (total < 0) {
      trim.added[axis] = fixed(Dim(trim.added[axis]) - whole, "output_shape");
      total = 0;
    }
    const std::int64_t half = total / 2;
    trim.low[axis] = automatic == "SAME_UPPER" ? half : total - half;
    trim.high[axis] = total - trim.low[axis];
  }
  return trim;
}

Terms transposed_convolution(Call& call) {
  const Value x = call.in(0);
  const Value weight = call.in(1);
  const Axes kernel = kernel_of_weight(call, weight.shape());
  const std::string automatic = call.text("auto_pad", "NOTSET");
  Windows windows{kernel, spatial(call, "strides", kernel.size(), 1),
                  spatial(call, "dilations", kernel.size(), 1), Axes(kernel.size(), 0),
                  Axes(kernel.size(), 0)};
  if (x.shape().size() != kernel.size() + 2) {
    throw invalid("{} does not fit a weight {}", x.type().to_string(), weight.type().to_string());
  }
  const Windows checked = windows_of(call, x.shape(), kernel);
  if (!automatic.starts_with("SAME")) windows = checked;
  const Trim trim = trim_of(call, x.shape(), windows);
  windows.low = trim.low;
  windows.high = trim.high;
  Attributes attributes = windows.attributes();
  attributes.set("groups", call.integer("group", 1));
  attributes.set("output_padding", trim.added);
  std::vector<Value> operands{x, weight};
  if (call.has(2)) operands.push_back(call.in(2));
  return {x.builder().op("conv_transpose", operands, attributes)};
}

constexpr std::array table{
    Translator{"Conv", convolution},
    Translator{"ConvInteger", integer_convolution},
    Translator{"ConvTranspose", transposed_convolution},
    Translator{"QLinearConv", quantised_convolution},
};

}  // namespace

std::span<const Translator> convolution_translators() { return table; }

}  // namespace paceline::onnx
