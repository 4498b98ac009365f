#include "common/ops/support/activation.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_types(in);
  activation_function(in.attributes.get<std::string>("activation"));
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const auto function = activation_function(call.attributes.get<std::string>("activation"));
  const double* gate = call.inputs[0].as<double>();
  const double* up = call.inputs[1].as<double>();
  double* out = call.outputs[0].as<double>();
  for (std::int64_t i = 0; i < call.inputs[0].element_count(); ++i) {
    out[i] = function(gate[i]) * up[i];
  }
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  return {activate(attributes.get<std::string>("activation"), in[0]) * in[1]};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples =
      elementwise_samples(dtypes_of(Elements::floats), {any_value, any_value});
  for (const char* activation : {"gelu", "gelu_tanh", "relu", "sigmoid"}) {
    samples.push_back({{{Dtype::f32, {3, 37}}, {Dtype::f32, {3, 37}}},
                       {{"activation", std::string(activation)}}});
  }
  return samples;
}

}  // namespace

Op gated_activation() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .attributes = {{"activation", AttributeKind::text, "silu"}},
      .facts = {.elementwise = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 2); },
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
      .in_place = {{0, 0}, {0, 1}},
  };
}

}  // namespace paceline::ops
