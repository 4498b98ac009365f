#include "common/ops/support/activation.h"
#include "common/ops/support/norm_products.h"

namespace paceline::ops {

namespace {

constexpr NormProducts gate_and_up{.count = 2, .has_bias = false};

Types infer(const OpInputs& in) {
  activation_function(in.attributes.get<std::string>("activation"));
  const Types types = norm_products_types(in, gate_and_up);
  if (types[0] != types[1]) {
    throw invalid("the weights differ: {} and {}", in[2].to_string(), in[3].to_string());
  }
  return {types[0]};
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  return {.flops = norm_products_flops(in, gate_and_up) + 2 * count(out[0]),
          .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call) {
  const auto function = activation_function(call.attributes.get<std::string>("activation"));
  Tensor& out = call.outputs[0];
  std::vector<Tensor> products = {Tensor(Dtype::f64, out.extents()),
                                  Tensor(Dtype::f64, out.extents())};
  norm_products_reference(call, gate_and_up, products);
  for (std::int64_t i = 0; i < out.element_count(); ++i) {
    out.as<double>()[i] = function(products[0].as<double>()[i]) * products[1].as<double>()[i];
  }
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  return {builder.op("gated_activation", norm_products(builder, in, attributes, gate_and_up),
                     {{"activation", attributes.get<std::string>("activation")}})};
}

Sample sample(Dtype dtype, const Extents& x, std::int64_t n, const char* activation = "silu",
              bool transpose_weight = true, double weight_offset = 0) {
  const std::int64_t k = x.back();
  const Sample::Operand weight{dtype, transpose_weight ? Extents{n, k} : Extents{k, n}};
  return {{{dtype, x}, {dtype, {k}}, weight, weight},
          {{"activation", std::string(activation)},
           {"transpose_weight", transpose_weight},
           {"weight_offset", weight_offset}}};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample(Dtype::f32, {1, 1}, 1),
      sample(Dtype::f32, {3, 5}, 7),
      sample(Dtype::f32, {3, 5}, 7, "silu", false),
      sample(Dtype::f32, {2, 3, 37}, 8, "gelu_tanh", true, 1),
      sample(Dtype::f32, {2, 9}, 6, "gelu"),
      sample(Dtype::f32, {2, 9}, 6, "relu"),
      sample(Dtype::f32, {2, 9}, 6, "sigmoid"),
      sample(Dtype::f32, {1, 0, 8}, 4),
      sample(Dtype::f32, {1, 1, 256}, 384),
      sample(Dtype::f32, {64, 96}, 128),
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back(sample(dtype, {4, 33}, 9));
    samples.push_back(sample(dtype, {4, 33}, 9, "gelu_tanh", false, 1));
    samples.push_back(sample(dtype, {1, 1, 256}, 384));
    samples.push_back(sample(dtype, {1, 5, 64}, 24));
  }
  return samples;
}

}  // namespace

Op norm_linears_gated() {
  return {
      .input_count_min = 4,
      .input_count_max = 4,
      .attributes = {{"epsilon", AttributeKind::real, 1e-6},
                     {"weight_offset", AttributeKind::real, 0.0},
                     {"transpose_weight", AttributeKind::boolean, true},
                     {"activation", AttributeKind::text, "silu"}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
