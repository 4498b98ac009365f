#include <cmath>
#include <utility>

#include "common/ops/support/convolution.h"
#include "common/ops/support/samples.h"
#include "common/ops/support/winograd.h"
#include "common/ops/winograd.h"

namespace paceline::ops {

namespace {

constexpr std::size_t bias = 2;
constexpr std::int64_t places = winograd_window * winograd_window;

// Those of the convolution that it is.
Attributes as_convolution(const Attributes& attributes) {
  Attributes own = attributes;
  own.set("strides", Integers{1, 1});
  own.set("dilations", Integers{1, 1});
  own.set("groups", std::int64_t{1});
  return own;
}

// Calls use(types, attributes) with the weight's type in place of the filters'.
template <typename Use>
auto with_weight(const OpInputs& in, const Use& use) {
  const Shape& filters = in[1].shape;
  if (filters.size() != 3 || filters[0] != places) {
    throw invalid("expected filters [{},M,C] as winograd_filter makes them: {}", places,
                  in[1].to_string());
  }
  Types types(in.types.begin(), in.types.end());
  types[1].shape = {filters[1], filters[2], 3, 3};
  const Attributes attributes = as_convolution(in.attributes);
  return use(OpInputs{types, attributes});
}

Types infer(const OpInputs& in) {
  const FinalActivation activation(in.attributes);
  return with_weight(in, [](const OpInputs& own) { return Types{convolution_type(own, bias)}; });
}

// Tiles along an axis: no less than there are.
Dim tiles_of(const Dim& extent) {
  if (const auto known = extent.constant()) return (*known + winograd_tile - 1) / winograd_tile;
  return extent.divide_exactly(winograd_tile).value_or(extent);
}

Work work(const OpInputs& in) {
  const Shape out = infer(in)[0].shape;
  const Dim tiles = out[0] * tiles_of(out[2]) * tiles_of(out[3]);
  return {.flops = 2 * places * (tiles * in[1].shape[1] * in[1].shape[2]),
          .bytes = bytes_of(in, infer(in))};
}

// The window of a tile in one channel; false when it holds NaN or infinity.
bool read_window(const double* plane, std::int64_t height, std::int64_t width, std::int64_t top,
                 std::int64_t left, double* window) {
  bool is_finite = true;
  for (std::int64_t i = 0; i < places; ++i) {
    const std::int64_t y = top + i / winograd_window, x = left + i % winograd_window;
    const bool is_inside = y >= 0 && y < height && x >= 0 && x < width;
    window[i] = is_inside ? plane[y * width + x] : 0;
    is_finite = is_finite && std::isfinite(window[i]);
  }
  return is_finite;
}

// One tile of all channels of one image; transformed windows are [C][36].
struct Image {
  const ReferenceCall& call;
  std::int64_t batch;
  std::vector<double> windows = {};

  const Extents& x() const { return call.inputs[0].extents(); }
  const Extents& out() const { return call.outputs[0].extents(); }

  void compute(std::int64_t tile_y, std::int64_t tile_x) {
    const Integers& low = call.attributes.get<Integers>("pads_low");
    windows.assign(x()[1] * places, 0);
    bool is_finite = true;
    for (std::int64_t c = 0; c < x()[1]; ++c) {
      const double* plane = call.inputs[0].as<double>() + (batch * x()[1] + c) * x()[2] * x()[3];
      double window[places];
      is_finite = read_window(plane, x()[2], x()[3], tile_y * winograd_tile - low[0],
                              tile_x * winograd_tile - low[1], window) &&
                  is_finite;
      winograd_transform(winograd_b, window, windows.data() + c * places);
    }
    for (std::int64_t m = 0; m < out()[1]; ++m) store(m, tile_y, tile_x, is_finite);
  }

  void store(std::int64_t m, std::int64_t tile_y, std::int64_t tile_x, bool is_finite) const {
    double sums[places] = {}, tile[winograd_tile * winograd_tile];
    for (std::int64_t p = 0; p < places; ++p) {
      const double* filters = call.inputs[1].as<double>() + (p * out()[1] + m) * x()[1];
      for (std::int64_t c = 0; c < x()[1]; ++c) sums[p] += filters[c] * windows[c * places + p];
    }
    winograd_transform(winograd_a, sums, tile);
    const double shift = call.inputs.size() > bias ? call.inputs[bias].as<double>()[m] : 0;
    const FinalActivation activation(call.attributes);
    double* plane = call.outputs[0].as<double>() + (batch * out()[1] + m) * out()[2] * out()[3];
    for (std::int64_t i = 0; i < winograd_tile * winograd_tile; ++i) {
      const std::int64_t row = tile_y * winograd_tile + i / winograd_tile;
      const std::int64_t column = tile_x * winograd_tile + i % winograd_tile;
      if (row >= out()[2] || column >= out()[3]) continue;
      plane[row * out()[3] + column] = is_finite ? activation(tile[i] + shift) : NAN;
    }
  }
};

void reference(const ReferenceCall& call) {
  const Extents& out = call.outputs[0].extents();
  for (std::int64_t b = 0; b < out[0]; ++b) {
    Image image{call, b};
    for (std::int64_t y = 0; y * winograd_tile < out[2]; ++y) {
      for (std::int64_t x = 0; x * winograd_tile < out[3]; ++x) image.compute(y, x);
    }
  }
}

Sample sample(Dtype dtype, const Extents& x, std::int64_t m, bool has_bias, const char* activation,
              std::int64_t low = 1, std::int64_t high = 1) {
  // Small filters keep what activations saturate on small, too.
  std::vector<Sample::Operand> inputs = {{dtype, x},
                                         {dtype, {places, m, x[1]}, between(-0.1, 0.1)}};
  if (has_bias) inputs.push_back({dtype, {m}});
  return winograd_sample(std::move(inputs), activation, low, high);
}

}  // namespace

Op conv_winograd() {
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = winograd_attributes(),
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              sample(Dtype::f32, {1, 1, 3, 3}, 1, false, "none", 0, 0),
              sample(Dtype::f32, {2, 3, 7, 5}, 4, true, "relu"),
              sample(Dtype::f32, {1, 5, 14, 14}, 9, true, "clip"),
              sample(Dtype::f32, {1, 16, 28, 30}, 24, false, "silu"),
              sample(Dtype::f32, {1, 4, 56, 70}, 8, true, "sigmoid", 2, 0),
              sample(Dtype::f64, {1, 2, 6, 6}, 3, true, "relu"),
              sample(Dtype::f16, {1, 2, 6, 6}, 3, true, "none"),
              sample(Dtype::bf16, {1, 2, 6, 6}, 3, false, "none"),
          },
  };
}

}  // namespace paceline::ops
