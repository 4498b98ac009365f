#include <cmath>
#include <numbers>

#include "common/ops/support/activation.h"
#include "common/ops/support/compose.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

bool by_tanh(const Attributes& attributes) {
  const auto& approximate = attributes.get<std::string>("approximate");
  if (approximate != "none" && approximate != "tanh") {
    throw invalid("approximate must be \"none\" or \"tanh\": \"{}\"", approximate);
  }
  return approximate == "tanh";
}

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  by_tanh(in.attributes);
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const auto function = activation_function(by_tanh(call.attributes) ? "gelu_tanh" : "gelu");
  const double* x = call.inputs[0].as<double>();
  double* out = call.outputs[0].as<double>();
  for (std::int64_t i = 0; i < call.inputs[0].element_count(); ++i) out[i] = function(x[i]);
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value& x = in[0];
  if (!by_tanh(attributes)) {
    return {0.5 * x * (1.0 + apply("erf", x / std::numbers::sqrt2))};
  }
  const double slope = std::sqrt(2 / std::numbers::pi);
  return {0.5 * x * (1.0 + apply("tanh", slope * (x + 0.044715 * x * x * x)))};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const char* approximate : {"none", "tanh"}) {
    for (Sample& sample : elementwise_samples(dtypes_of(Elements::floats), {any_value})) {
      sample.attributes.set("approximate", std::string(approximate));
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

}  // namespace

Op gelu() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"approximate", AttributeKind::text, "none"}},
      .facts = {.elementwise = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 4); },
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
      .in_place = {{0, 0}},
  };
}

}  // namespace paceline::ops
