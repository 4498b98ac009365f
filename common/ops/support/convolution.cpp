#include "common/ops/support/convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/ops/support/activation.h"
#include "common/ops/support/window.h"

namespace paceline::ops {

namespace {

Shape kernel_of(const OpInputs& in) { return {in[1].shape.begin() + 2, in[1].shape.end()}; }

}  // namespace

std::vector<AttributeSpec> convolution_attributes() {
  return {{"strides", AttributeKind::integers},
          {"dilations", AttributeKind::integers},
          {"pads_low", AttributeKind::integers},
          {"pads_high", AttributeKind::integers},
          {"groups", AttributeKind::integer, 1}};
}

void expect_groups(std::int64_t groups, const Dim& channels, std::string_view what) {
  if (groups < 1) throw invalid("groups must be 1 or more: {}", groups);
  if (!channels.divide_exactly(groups)) {
    throw invalid("{} must be a multiple of groups = {}: {}", what, groups, channels.to_string());
  }
}

TensorType convolution_type(const OpInputs& in, std::size_t bias) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  const int rank = spatial_rank(in[0]);
  if (rank_of(in[1]) != rank + 2) {
    throw invalid("the weight needs as many axes as x: {} and {}", in[1].to_string(),
                  in[0].to_string());
  }
  for (const Dim& extent : kernel_of(in)) {
    if (extent == 0) throw invalid("the weight has no taps: {}", in[1].to_string());
  }
  const std::int64_t groups = in.attributes.get<std::int64_t>("groups");
  const Dim& channels = in[1].shape[0];
  expect_groups(groups, channels, "the weight's first extent");
  if (in[0].shape[1] != in[1].shape[1] * groups) {
    throw invalid("the weight reads {} channels in each of {} groups: {} and {}",
                  in[1].shape[1].to_string(), groups, in[0].to_string(), in[1].to_string());
  }
  if (in.size() > bias && in[bias].shape != Shape{channels}) {
    throw invalid("bias must be [{}]: {}", channels.to_string(), in[bias].to_string());
  }
  Shape shape{in[0].shape[0], channels};
  for (const Dim& extent : window_extents(in, kernel_of(in), false)) shape.push_back(extent);
  return {in[0].dtype, shape};
}

Dim convolution_flops(const OpInputs& in, std::size_t bias) {
  const TensorType out = convolution_type(in, bias);
  const Shape kernel = kernel_of(in);
  const Shape windows(out.shape.begin() + 2, out.shape.end());
  const Dim visits = window_visits(in, kernel, windows);
  return 2 * (out.shape[0] * out.shape[1] * in[1].shape[1] * visits);
}

Dim convolution_bytes(const OpInputs& in, std::size_t bias) {
  const TensorType out = convolution_type(in, bias);
  const Shape windows(out.shape.begin() + 2, out.shape.end());
  Dim bytes = touched_bytes(in, kernel_of(in), windows) + size_bytes(out);
  for (std::size_t i = 1; i < in.size(); ++i) bytes += size_bytes(in[i]);
  return bytes;
}

void convolution_reference(const ReferenceCall& call, std::size_t bias) {
  const Extents &x = call.inputs[0].extents(), &weight = call.inputs[1].extents(),
                &out = call.outputs[0].extents();
  const Windows windows(x, weight, out, static_cast<int>(x.size()) - 2, call.attributes);
  const double *elements = call.inputs[0].as<double>(), *factors = call.inputs[1].as<double>();
  const double* shift = call.inputs.size() > bias ? call.inputs[bias].as<double>() : nullptr;
  double* result = call.outputs[0].as<double>();
  const std::int64_t depth = weight[1];
  const std::int64_t channels_per_group = out[1] / call.attributes.get<std::int64_t>("groups");
  for (std::int64_t b = 0; b < out[0]; ++b) {
    for (std::int64_t m = 0; m < out[1]; ++m) {
      const std::int64_t first = b * x[1] + m / channels_per_group * depth;
      for (std::int64_t o = 0; o < windows.out_count(); ++o) {
        double sum = shift == nullptr ? 0 : shift[m];
        for (std::int64_t c = 0; c < depth; ++c) {
          const double* plane = elements + (first + c) * windows.in_count();
          const double* taps = factors + (m * depth + c) * windows.kernel_count();
          windows.for_each_tap(
              o, [&](std::int64_t tap, std::int64_t place) { sum += taps[tap] * plane[place]; });
        }
        *result++ = sum;
      }
    }
  }
}

std::vector<ConvolutionSample> convolution_samples() {
  return {
      {{1, 1, 1}, {1, 1, 1}},
      {{2, 3, 9}, {4, 3, 3}, true, {2}, {1}, {1}, {0}},
      {{2, 3, 5, 7}, {4, 3, 3, 3}, false, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
      {{1, 3, 11, 9}, {5, 3, 3, 2}, true, {2, 1}, {1, 2}, {0, 2}, {1, 0}},
      {{1, 8, 6, 5}, {16, 8, 1, 1}, true},
      {{2, 16, 7, 7}, {24, 16, 1, 1}, false, {2, 2}, {1, 1}, {0, 0}, {0, 0}},
      {{1, 6, 8, 8}, {6, 1, 3, 3}, true, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 6},
      {{1, 1, 120, 120}, {1, 1, 3, 3}, false, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
      {{2, 17, 13, 9}, {17, 1, 3, 3}, false, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 17},
      {{1, 4, 9, 9}, {8, 1, 5, 5}, true, {1, 1}, {1, 1}, {2, 2}, {2, 2}, 4},
      {{1, 4, 6, 6}, {6, 2, 3, 3}, true, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2},
      {{1, 2, 4, 5, 6}, {3, 2, 2, 3, 3}, true, {1, 2, 1}, {1, 1, 2}, {0, 1, 1}, {1, 1, 0}},
      {{1, 3, 30, 34}, {8, 3, 7, 7}, false, {2, 2}, {1, 1}, {3, 3}, {3, 3}},
      {{1, 16, 20, 18}, {24, 16, 3, 3}, true, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
      {{1, 32, 14, 14}, {48, 32, 3, 3}, true, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
      {{1, 64, 14, 14}, {64, 64, 1, 1}, true},
      {{1, 3, 9, 9}, {4, 3, 3, 3}, true, {}, {}, {1, 1}, {1, 1}, 1, Dtype::f64},
      {{1, 3, 9, 9}, {4, 3, 3, 3}, true, {}, {}, {1, 1}, {1, 1}, 1, Dtype::f16},
      {{1, 4, 9, 9}, {4, 1, 3, 3}, false, {}, {}, {1, 1}, {1, 1}, 4, Dtype::bf16},
  };
}

Value convolve(std::span<const Value> in, const Attributes& attributes, std::size_t bias) {
  Attributes own;
  for (const AttributeSpec& spec : convolution_attributes()) {
    own.set(spec.name, *attributes.find(spec.name));
  }
  std::vector<Value> operands{in[0], in[1]};
  if (in.size() > bias) operands.push_back(in[bias]);
  return in[0].builder().op("conv", operands, own);
}

FinalActivation::FinalActivation(const Attributes& attributes)
    : name(attributes.get<std::string>("activation")),
      low(attributes.get<double>("low")),
      high(attributes.get<double>("high")) {
  static constexpr std::array<std::string_view, 5> names = {"none", "relu", "sigmoid", "silu",
                                                            "clip"};
  if (std::ranges::count(names, name) > 0) return;
  throw invalid("activation must be one of {}: \"{}\"", fmt::join(names, ", "), name);
}

std::vector<AttributeSpec> FinalActivation::attributes() {
  return {{"activation", AttributeKind::text},
          {"low", AttributeKind::real, 0.0},
          {"high", AttributeKind::real, 0.0}};
}

double FinalActivation::operator()(double x) const {
  if (name == "none" || std::isnan(x)) return x;
  if (name == "clip") return std::min(std::max(x, low), high);
  return activation_function(name)(x);
}

Value FinalActivation::operator()(const Value& x) const {
  if (name == "none") return x;
  if (name != "clip") return activate(name, x);
  GraphBuilder& builder = x.builder();
  const auto bound = [&](double value) {
    return builder.scalar(value, x.dtype()).broadcast(x.shape());
  };
  const Value above = builder.op("maximum", {x, bound(low)});
  return builder.op("minimum", {above, bound(high)});
}

Extents result_of(const ConvolutionSample& of) {
  const Sample sample = sample_of(
      {of.x, of.weight, false, of.strides, of.dilations, of.low, of.high, of.groups, of.dtype});
  std::vector<TensorType> types;
  for (const Sample::Operand& operand : sample.inputs) {
    types.push_back({operand.dtype, {operand.extents.begin(), operand.extents.end()}});
  }
  return evaluate(convolution_type({types, sample.attributes}, 2).shape, {});
}

Sample sample_of(const ConvolutionSample& of) {
  const std::size_t rank = of.x.size() - 2;
  const auto or_all = [rank](const Integers& values, std::int64_t each) {
    return values.empty() ? Integers(rank, each) : values;
  };
  Sample sample{{{of.dtype, of.x}, {of.dtype, of.weight}},
                {{"strides", or_all(of.strides, 1)},
                 {"dilations", or_all(of.dilations, 1)},
                 {"pads_low", or_all(of.low, 0)},
                 {"pads_high", or_all(of.high, 0)},
                 {"groups", of.groups}}};
  if (of.has_bias) sample.inputs.push_back({of.dtype, {of.weight[0]}});
  return sample;
}

}  // namespace paceline::ops
