#include "common/ops/support/convolution.h"

namespace paceline::ops {

namespace {

constexpr std::size_t bias = 2;

Types infer(const OpInputs& in) {
  const FinalActivation activation(in.attributes);
  return {convolution_type(in, bias)};
}

Work work(const OpInputs& in) {
  return {.flops = convolution_flops(in, bias), .bytes = convolution_bytes(in, bias)};
}

void reference(const ReferenceCall& call) {
  convolution_reference(call, bias);
  const FinalActivation activation(call.attributes);
  double* out = call.outputs[0].as<double>();
  for (std::int64_t i = 0; i < call.outputs[0].element_count(); ++i) out[i] = activation(out[i]);
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  return {FinalActivation(attributes)(convolve(in, attributes, bias))};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const char* activation : {"none", "relu", "sigmoid", "silu", "clip"}) {
    for (const ConvolutionSample& one : convolution_samples()) {
      // One activation for most; the last rival that others are told apart by is "clip".
      const bool is_small = samples.size() < 2 || one.groups > 1 || one.x.size() != 4;
      if (std::string_view(activation) != "clip" && !is_small) continue;
      Sample sample = sample_of(one);
      sample.attributes.set("activation", std::string(activation));
      sample.attributes.set("low", -0.5);
      sample.attributes.set("high", 6.0);
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

}  // namespace

Op conv_activation() {
  std::vector<AttributeSpec> attributes = convolution_attributes();
  for (const AttributeSpec& spec : FinalActivation::attributes()) attributes.push_back(spec);
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = attributes,
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
