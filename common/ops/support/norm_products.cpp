#include "common/ops/support/norm_products.h"

#include "common/ops/support/affine.h"
#include "common/ops/support/norms.h"

namespace paceline::ops {

namespace {

constexpr std::size_t affine_bias = 2;

// x, the weight and, if there is one, the bias of one product.
std::vector<TensorType> factors(const OpInputs& in, const NormProducts& products, std::size_t i) {
  std::vector<TensorType> types = {in[0], in[products.weight(i)]};
  if (products.has_bias) types.push_back(in[products.bias(i)]);
  return types;
}

}  // namespace

NormProducts NormProducts::of(std::size_t inputs, bool has_bias) {
  const std::size_t each = has_bias ? 2 : 1;
  const std::size_t operands = inputs - std::min(inputs, first_weight);
  const NormProducts products{.count = operands / each, .has_bias = has_bias};
  if (products.count < 1 || products.count > count_max || operands % each != 0) {
    throw invalid("x and its norm's weight are followed by 1 to {} weights{}: {} operands",
                  count_max, has_bias ? " and as many biases" : "", inputs);
  }
  return products;
}

Types norm_products_types(const OpInputs& in, const NormProducts& products) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  expect_rank(2, in[0]);
  const Shape width{fixed_last_extent(in[0])};
  if (in[1].shape != width) {
    throw invalid("the norm's weight must be {}: {}", to_string(width), in[1].to_string());
  }
  Types types;
  for (std::size_t i = 0; i < products.count; ++i) {
    types.push_back(affine_type({factors(in, products, i), in.attributes}, affine_bias));
  }
  return types;
}

Dim norm_products_flops(const OpInputs& in, const NormProducts& products) {
  Dim flops = 4 * count(in[0]);
  for (std::size_t i = 0; i < products.count; ++i) {
    flops = flops + affine_flops({factors(in, products, i), in.attributes}, affine_bias);
  }
  return flops;
}

void norm_products_reference(const ReferenceCall& call, const NormProducts& products,
                             std::span<Tensor> outputs) {
  const Tensor& x = call.inputs[0];
  const RmsNorm norm{call.attributes.get<double>("epsilon"),
                     call.attributes.get<double>("weight_offset")};
  const Tensor normed(Dtype::f64, x.extents());
  const std::int64_t width = x.extents().back();
  for (std::int64_t first = 0; first < x.element_count(); first += width) {
    norm(x.as<double>() + first, call.inputs[1].as<double>(), width, normed.as<double>() + first);
  }
  for (std::size_t i = 0; i < products.count; ++i) {
    std::vector<Tensor> operands = {normed, call.inputs[products.weight(i)]};
    if (products.has_bias) operands.push_back(call.inputs[products.bias(i)]);
    affine_reference({operands, outputs.subspan(i, 1), call.attributes}, affine_bias);
  }
}

std::vector<Value> norm_products(GraphBuilder& builder, std::span<const Value> in,
                                 const Attributes& attributes, const NormProducts& products) {
  const Value normed = builder.op("rms_norm", {in[0], in[1]},
                                  {{"epsilon", attributes.get<double>("epsilon")},
                                   {"weight_offset", attributes.get<double>("weight_offset")}});
  std::vector<Value> results;
  for (std::size_t i = 0; i < products.count; ++i) {
    std::vector<Value> operands = {normed, in[products.weight(i)]};
    if (products.has_bias) operands.push_back(in[products.bias(i)]);
    results.push_back(affine(operands, attributes, affine_bias));
  }
  return results;
}

}  // namespace paceline::ops
