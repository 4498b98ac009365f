#include "common/ops/support/convolution.h"

namespace paceline::ops {

namespace {

constexpr std::size_t bias = 2;

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const ConvolutionSample& one : convolution_samples()) samples.push_back(sample_of(one));
  return samples;
}

}  // namespace

Op conv() {
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = convolution_attributes(),
      .infer = [](const OpInputs& in) { return Types{convolution_type(in, bias)}; },
      .work =
          [](const OpInputs& in) {
            return Work{.flops = convolution_flops(in, bias), .bytes = convolution_bytes(in, bias)};
          },
      .reference = [](const ReferenceCall& call) { convolution_reference(call, bias); },
      .samples = samples(),
  };
}

}  // namespace paceline::ops
