#pragma once

#include "common/graph/graph.h"
#include "common/ops/support/infer.h"

// A convolution with an optional bias: what `conv` is and what ops around it begin with. Input 0 is
// x[B,C,spatial...], input 1 the weight [M,C/groups,kernel...]; `bias` says which input is the bias
// [M], if there are so many.
namespace paceline::ops {

std::vector<AttributeSpec> convolution_attributes();
TensorType convolution_type(const OpInputs& in, std::size_t bias);  // Of the result; checks them.
// Of each window's products; what needs fewer (`conv_winograd`) is an op of its own.
Dim convolution_flops(const OpInputs& in, std::size_t bias);
// Of all inputs, as far as windows touch x, and the result.
Dim convolution_bytes(const OpInputs& in, std::size_t bias);
void convolution_reference(const ReferenceCall& call, std::size_t bias);  // Into output 0.
// `conv` of x, weight and bias with those of the attributes that are its own.
Value convolve(std::span<const Value> in, const Attributes& attributes, std::size_t bias);
void expect_groups(std::int64_t groups, const Dim& channels, std::string_view what);

// x, weight and, with `has_bias`, a bias, for extents of x and of the weight.
struct ConvolutionSample {
  Extents x, weight;
  bool has_bias = false;
  Integers strides = {}, dilations = {}, low = {}, high = {};  // Empty: ones and zeros.
  std::int64_t groups = 1;
  Dtype dtype = Dtype::f32;
};
std::vector<ConvolutionSample> convolution_samples();
Sample sample_of(const ConvolutionSample& convolution);
Extents result_of(const ConvolutionSample& convolution);

// What may follow a convolution: "none", "relu", "sigmoid", "silu", or "clip", which is
// minimum(maximum(x, low), high).
struct FinalActivation {
  explicit FinalActivation(const Attributes& attributes);  // Throws `invalid` and lists the names.
  static std::vector<AttributeSpec> attributes();          // `activation`, `low`, `high`.

  double operator()(double x) const;
  Value operator()(const Value& x) const;

  std::string name;
  double low, high;
};

}  // namespace paceline::ops
