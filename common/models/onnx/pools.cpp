#include <array>

#include "common/base/error.h"
#include "common/models/onnx/windows.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

Attributes pool_attributes(const Call& call, const Value& x) {
  const Windows windows = windows_of(call, x.shape(), kernel_of(call, x.shape()));
  Attributes attributes = windows.attributes();
  attributes.set("kernel", windows.kernel);
  attributes.set("ceil_mode", call.integer("ceil_mode", 0) != 0);
  return attributes;
}

Terms max_pool(Call& call) {
  const Value x = call.in(0);
  Attributes attributes = pool_attributes(call, x);
  Terms outputs{x.builder().op("max_pool", {x}, attributes)};
  if (!call.wants_output(1)) return outputs;
  attributes.set("column_major", call.integer("storage_order", 0) != 0);
  outputs.push_back(x.builder().op("max_pool_index", {x}, attributes));
  return outputs;
}

Terms average_pool(Call& call) {
  const Value x = call.in(0);
  Attributes attributes = pool_attributes(call, x);
  attributes.set("count_include_pad", call.integer("count_include_pad", 0) != 0);
  return {x.builder().op("average_pool", {x}, attributes)};
}

Axes spatial_axes(const Value& x) {
  if (x.rank() < 3) throw invalid("[batch, channels, ...] is needed: {}", x.type().to_string());
  Axes axes = all_axes(x.rank());
  axes.erase(axes.begin(), axes.begin() + 2);
  return axes;
}

Terms global_average_pool(Call& call) {
  const Value x = call.in(0);
  return {mean(x, spatial_axes(x), true)};
}

Terms global_max_pool(Call& call) {
  const Value x = call.in(0);
  return {reduce("reduce_max", x, spatial_axes(x), true)};
}

Value to_power(const Value& x, double p) {
  return p == 2 ? square(x) : apply("pow", apply("abs", x), p);
}

Value root(const Value& x, double p) { return p == 2 ? apply("sqrt", x) : apply("pow", x, 1 / p); }

// A sum over windows is their mean with all taps counted, times their number.
Terms lp_pool(Call& call) {
  const Value x = call.in(0);
  const auto p = static_cast<double>(call.integer("p", 2));
  Attributes attributes = pool_attributes(call, x);
  attributes.set("count_include_pad", true);
  double taps = 1;
  for (const std::int64_t extent : kernel_of(call, x.shape())) taps *= static_cast<double>(extent);
  const Value average = x.builder().op("average_pool", {to_power(x, p)}, attributes);
  return {root(average * taps, p)};
}

Terms global_lp_pool(Call& call) {
  const Value x = call.in(0);
  const auto p = static_cast<double>(call.integer("p", 2));
  return {root(reduce("reduce_sum", to_power(x, p), spatial_axes(x), true), p)};
}

// Values go back to the places that max_pool's second output named; indices count in a tensor of
// the extents that the pool had, which may be smaller than what is asked for.
Terms max_unpool(Call& call) {
  const Value x = call.in(0);
  const Axes kernel = kernel_of(call, x.shape());
  const Windows windows = windows_of(call, x.shape(), kernel);
  Shape pooled{x.dim(0), x.dim(1)};
  for (std::size_t axis = 0; axis < kernel.size(); ++axis) {
    pooled.push_back((x.dim(static_cast<int>(axis) + 2) - Dim(1)) * Dim(windows.strides[axis]) +
                     Dim(kernel[axis]) - Dim(windows.low[axis]) - Dim(windows.high[axis]));
  }
  const Dim count = element_count(pooled);
  const Value zeros = like(x, 0).broadcast({count});
  const Value flat =
      x.builder().op("scatter_elements",
                     {zeros, call.in(1).reshape({element_count(x.shape())}),
                      x.reshape({element_count(x.shape())})},
                     {{"axis", std::int64_t{0}}, {"reduction", std::string("none")}});
  const Value unpooled = flat.reshape(pooled);
  if (!call.has(2)) return {unpooled};
  const std::vector<Dim> wanted = call.dims(2);
  if (wanted.size() != pooled.size()) throw invalid("output_shape has {} axes", wanted.size());
  Axes low(pooled.size(), 0);
  Axes high(pooled.size(), 0);
  for (std::size_t axis = 0; axis < pooled.size(); ++axis) {
    high[axis] = fixed(wanted[axis] - pooled[axis], "output_shape");
    if (high[axis] < 0) throw invalid("output_shape is smaller than the result: axis {}", axis);
  }
  return {pad(unpooled, low, high, 0)};
}

constexpr std::array table{
    Translator{"AveragePool", average_pool},
    Translator{"GlobalAveragePool", global_average_pool},
    Translator{"GlobalLpPool", global_lp_pool},
    Translator{"GlobalMaxPool", global_max_pool},
    Translator{"LpPool", lp_pool},
    Translator{"MaxPool", max_pool},
    Translator{"MaxUnpool", max_unpool},
};

}  // namespace

std::span<const Translator> pooling_translators() { return table; }

}  // namespace paceline::onnx
