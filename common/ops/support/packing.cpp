#include "common/ops/support/packing.h"

#include <string>

#include "common/ops/support/activation.h"

namespace paceline::ops {

namespace {

constexpr const char* no_activation = "none";

std::int64_t columns_of(const Attributes& attributes) {
  return attributes.get<std::int64_t>("columns");
}

const std::string& activation_of(const Attributes& attributes) {
  return attributes.get<std::string>("activation");
}

// Elements along K that are packed together fill 32 bits, as instructions of pairs and fours want.
std::int64_t depth_of(Dtype dtype) { return size_bytes(dtype) == 2 ? 2 : 1; }

void expect_packed(const OpInputs& in) {
  const TensorType& packed = in[1];
  expect(Elements::floats, packed);
  const Dtype declared = in.attributes.get<Dtype>("weight_dtype");
  if (packed.dtype != declared) {
    throw invalid("weight_dtype must be that of the packed weight: {} and {}", to_string(declared),
                  packed.to_string());
  }
  if (packed.shape.size() != 4) {
    throw invalid("the packed weight must have 4 axes: {}", packed.to_string());
  }
  const Packing packing{fixed_extent(packed, 2), fixed_extent(packed, 3)};
  if (packing.tile < 1 || packing.depth != depth_of(packed.dtype)) {
    throw invalid("a weight of {} is packed with tile 1 or more and depth {}: {}",
                  to_string(packed.dtype), depth_of(packed.dtype), packed.to_string());
  }
  const std::int64_t inner = fixed_extent(in[0], in[0].shape.size() - 1);
  const std::int64_t columns = columns_of(in.attributes);
  if (columns < 0) throw invalid("columns may not be negative: {}", columns);
  if (packed.shape == packing.shape(inner, columns)) return;
  throw invalid("the packed weight must be {} for {} columns of {} elements: {}",
                to_string(packing.shape(inner, columns)), columns, inner, packed.to_string());
}

Types infer(const OpInputs& in, const PackedProduct& product) {
  expect(Elements::floats, in[0]);
  expect_rank(2, in[0]);
  expect_packed(in);
  if (activation_of(in.attributes) != no_activation) {
    activation_function(activation_of(in.attributes));
  }
  TensorType out = in[0];
  out.shape.back() = columns_of(in.attributes);
  if (product.has_residual && in[2] != out) {
    throw invalid("the residual must be {}: {}", out.to_string(), in[2].to_string());
  }
  const TensorType bias{out.dtype, {out.shape.back()}};
  if (in.size() > product.bias() && in[product.bias()] != bias) {
    throw invalid("the bias must be {}: {}", bias.to_string(), in[product.bias()].to_string());
  }
  return {out};
}

Work work(const OpInputs& in, const PackedProduct& product) {
  const Types out = infer(in, product);
  const auto around = static_cast<std::int64_t>(in.size()) - 2 +
                      (activation_of(in.attributes) == no_activation ? 0 : 1);
  return {.flops = 2 * count(out[0]) * in[0].shape.back() + around * count(out[0]),
          .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call, const PackedProduct& product) {
  const Tensor &x = call.inputs[0], &packed = call.inputs[1];
  const Packing packing{packed.extents()[2], packed.extents()[3]};
  const std::int64_t inner = x.extents().back(), columns = columns_of(call.attributes);
  const bool has_bias = call.inputs.size() > product.bias();
  const std::string& activation = activation_of(call.attributes);
  double* out = call.outputs[0].as<double>();
  for (std::int64_t at = 0; at < call.outputs[0].element_count(); ++at) {
    const std::int64_t row = at / columns, j = at % columns;
    double sum = has_bias ? call.inputs[product.bias()].as<double>()[j] : 0;
    for (std::int64_t k = 0; k < inner; ++k) {
      sum += x.as<double>()[row * inner + k] * packed.as<double>()[packing.place(k, j, inner)];
    }
    if (product.has_residual) sum += call.inputs[2].as<double>()[at];
    out[at] = activation == no_activation ? sum : activation_function(activation)(sum);
  }
}

struct Case {
  Dtype dtype;
  Extents x;
  std::int64_t columns;
  Dtype weight_dtype;
  const char* activation = no_activation;
  bool has_bias = false;
  std::int64_t tile = 32;
};

Sample sample_of(const Case& c, const PackedProduct& product) {
  const std::int64_t inner = c.x.back(), depth = depth_of(c.weight_dtype);
  const Packing packing{c.tile, depth};
  Extents out = c.x;
  out.back() = c.columns;
  Sample sample{
      {{c.dtype, c.x},
       {c.weight_dtype, {packing.panels(c.columns), packing.groups(inner), c.tile, depth}}},
      {{"columns", c.columns},
       {"weight_dtype", c.weight_dtype},
       {"activation", std::string(c.activation)}}};
  if (product.has_residual) sample.inputs.push_back({c.dtype, out});
  if (c.has_bias) sample.inputs.push_back({c.dtype, {c.columns}});
  return sample;
}

std::vector<Sample> samples(const PackedProduct& product) {
  std::vector<Case> cases;
  for (const Dtype weights : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    cases.push_back({Dtype::f32, {1, 1}, 1, weights});
    cases.push_back({Dtype::f32, {3, 5}, 7, weights, no_activation, true});
    cases.push_back({Dtype::f32, {2, 3, 33}, 70, weights});
    cases.push_back({Dtype::f32, {1, 64}, 33, weights, no_activation, true});
    cases.push_back({Dtype::f32, {33, 131}, 96, weights, "relu", true});
    for (const char* activation : {"sigmoid", "silu", "gelu", "gelu_tanh"}) {
      cases.push_back({Dtype::f32, {5, 33}, 37, weights, activation, true});
    }
    for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
      cases.push_back({dtype, {4, 33}, 9, weights, "gelu", true});
      cases.push_back({dtype, {1, 2, 64}, 64, weights});
    }
  }
  cases.push_back({Dtype::f32, {64, 256}, 128, Dtype::f32, "gelu", true});
  cases.push_back({Dtype::f32, {3, 5}, 7, Dtype::f32, no_activation, true, 4});
  cases.push_back({Dtype::f64, {4, 33}, 9, Dtype::f64, "silu", true, 4});
  std::vector<Sample> samples;
  for (const Case& c : cases) samples.push_back(sample_of(c, product));
  return samples;
}

}  // namespace

std::int64_t fixed_extent(const TensorType& type, std::size_t axis) {
  const auto extent = type.shape[axis].constant();
  if (extent) return *extent;
  throw invalid("the extents of a packed product must be numbers: {} at axis {}", type.to_string(),
                axis);
}

Op PackedProduct::op() const {
  const int required = has_residual ? 3 : 2;
  const PackedProduct self = *this;
  Op op{
      .input_count_min = required,
      .input_count_max = required + 1,
      .attributes = {{"columns", AttributeKind::integer},
                     {"weight_dtype", AttributeKind::dtype, Dtype::f32},
                     {"activation", AttributeKind::text, std::string(no_activation)}},
      .infer = [self](const OpInputs& in) { return infer(in, self); },
      .work = [self](const OpInputs& in) { return work(in, self); },
      .reference = [self](const ReferenceCall& call) { reference(call, self); },
      .samples = samples(self),
  };
  if (has_residual) op.in_place = {{0, 2}};
  return op;
}

}  // namespace paceline::ops
