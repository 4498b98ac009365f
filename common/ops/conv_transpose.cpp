#include <algorithm>

#include "common/ops/support/convolution.h"
#include "common/ops/support/window.h"

namespace paceline::ops {

namespace {

// Each element of x is spread over a window of the output: the adjoint of `conv`.
Dim spread_extent(const Dim& extent, const Dim& kernel, std::int64_t stride, std::int64_t dilation,
                  std::int64_t pads, std::int64_t beyond) {
  const Dim spread = (extent - 1) * stride + (kernel - 1) * dilation + 1 + (beyond - pads);
  const auto fixed = spread.constant();
  if (fixed && *fixed < 0) {
    throw invalid("the pads take away more than there is: extent {} of the output",
                  spread.to_string());
  }
  return spread;
}

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  const int rank = spatial_rank(in[0]);
  if (rank_of(in[1]) != rank + 2) {
    throw invalid("the weight needs as many axes as x: {} and {}", in[1].to_string(),
                  in[0].to_string());
  }
  const std::int64_t groups = in.attributes.get<std::int64_t>("groups");
  expect_groups(groups, in[0].shape[1], "the number of channels");
  expect_equal(in[0].shape[1], in[1].shape[0], "channels of x and of the weight");
  const Dim channels = in[1].shape[1] * groups;
  if (in.size() > 2 && in[2].shape != Shape{channels}) {
    throw invalid("bias must be [{}]: {}", channels.to_string(), in[2].to_string());
  }
  const Integers& strides = spatial_integers(in, "strides", 1);
  const Integers& dilations = spatial_integers(in, "dilations", 1);
  const Integers& low = spatial_integers(in, "pads_low", 0);
  const Integers& high = spatial_integers(in, "pads_high", 0);
  const Integers& beyond = spatial_integers(in, "output_padding", 0);
  Shape shape{in[0].shape[0], channels};
  for (int axis = 0; axis < rank; ++axis) {
    shape.push_back(spread_extent(in[0].shape[axis + 2], in[1].shape[axis + 2], strides[axis],
                                  dilations[axis], low[axis] + high[axis], beyond[axis]));
  }
  return {{in[0].dtype, shape}};
}

Work work(const OpInputs& in) {
  // Pads cut parts of windows off, so each element of x alone is counted: one product a channel.
  return {.flops = 2 * count(in[0]) * in[1].shape[1], .bytes = bytes_of(in, infer(in))};
}

void reference(const ReferenceCall& call) {
  const Extents &x = call.inputs[0].extents(), &weight = call.inputs[1].extents(),
                &out = call.outputs[0].extents();
  const Windows windows(out, weight, x, static_cast<int>(x.size()) - 2, call.attributes);
  const double *elements = call.inputs[0].as<double>(), *factors = call.inputs[1].as<double>();
  double* result = call.outputs[0].as<double>();
  const std::int64_t size = windows.in_count(), depth = weight[1];
  const std::int64_t channels_per_group = x[1] / call.attributes.get<std::int64_t>("groups");
  for (std::int64_t i = 0; i < out[0] * out[1] * size; ++i) {
    result[i] = call.inputs.size() > 2 ? call.inputs[2].as<double>()[i / size % out[1]] : 0;
  }
  for (std::int64_t b = 0; b < x[0]; ++b) {
    for (std::int64_t c = 0; c < x[1]; ++c) {
      const double* plane = elements + (b * x[1] + c) * windows.out_count();
      for (std::int64_t m = 0; m < depth; ++m) {
        const double* taps = factors + (c * depth + m) * windows.kernel_count();
        double* target = result + (b * out[1] + c / channels_per_group * depth + m) * size;
        for (std::int64_t i = 0; i < windows.out_count(); ++i) {
          windows.for_each_tap(i, [&](std::int64_t tap, std::int64_t place) {
            target[place] += taps[tap] * plane[i];
          });
        }
      }
    }
  }
}

struct Spread {
  Extents x, weight;
  bool has_bias = false;
  Integers strides, dilations, low, high, beyond;
  std::int64_t groups = 1;
  Dtype dtype = Dtype::f32;
};

Sample sample(const Spread& of) {
  Sample sample{{{of.dtype, of.x}, {of.dtype, of.weight}},
                {{"strides", of.strides},
                 {"dilations", of.dilations},
                 {"pads_low", of.low},
                 {"pads_high", of.high},
                 {"output_padding", of.beyond},
                 {"groups", of.groups}}};
  if (of.has_bias) sample.inputs.push_back({of.dtype, {of.weight[1] * of.groups}});
  return sample;
}

}  // namespace

Op conv_transpose() {
  std::vector<AttributeSpec> attributes = convolution_attributes();
  attributes.push_back({"output_padding", AttributeKind::integers});
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = attributes,
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              sample({{1, 1, 1}, {1, 1, 1}, false, {1}, {1}, {0}, {0}, {0}}),
              sample({{2, 3, 5}, {3, 4, 3}, true, {2}, {1}, {1}, {0}, {1}}),
              sample({{1, 3, 4, 5}, {3, 2, 3, 3}, false, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {0, 0}}),
              sample({{2, 3, 4, 5}, {3, 2, 3, 2}, true, {3, 2}, {1, 2}, {1, 0}, {0, 1}, {1, 0}}),
              sample({{1, 4, 5, 5}, {4, 3, 2, 2}, true, {2, 2}, {1, 1}, {0, 0}, {0, 0}, {0, 0}, 2}),
              sample({{1, 2, 3, 4, 2},
                      {2, 3, 2, 2, 3},
                      true,
                      {1, 2, 1},
                      {1, 1, 1},
                      {0, 1, 0},
                      {0, 0, 1},
                      {0, 0, 0}}),
              sample(
                  {{1, 16, 14, 14}, {16, 8, 4, 4}, true, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {0, 0}}),
              sample({{1, 3, 5}, {3, 4, 3}, true, {2}, {1}, {1}, {1}, {0}, 1, Dtype::f64}),
              sample({{1, 3, 5}, {3, 4, 3}, true, {2}, {1}, {1}, {1}, {0}, 1, Dtype::f16}),
              sample({{1, 3, 5}, {3, 4, 3}, true, {2}, {1}, {1}, {1}, {0}, 1, Dtype::bf16}),
          },
  };
}

}  // namespace paceline::ops
