#include <string>
#include <vector>

#include "common/ops/support/activation.h"
#include "common/ops/support/packing.h"
#include "common/ops/words24.h"

namespace paceline::ops {

namespace {

constexpr const char* no_activation = "none";

std::int64_t columns_of(const OpInputs& in) { return in.attributes.get<std::int64_t>("columns"); }

void expect_words(const OpInputs& in) {
  const TensorType& weight = in[1];
  if (weight.dtype != Dtype::i32 && weight.dtype != Dtype::i64) {
    throw invalid("the packed weight must be words, i32: {}", weight.to_string());
  }
  if (columns_of(in) < 0) throw invalid("columns may not be negative: {}", columns_of(in));
  const std::int64_t inner = fixed_extent(in[0], in[0].shape.size() - 1);
  const Shape wanted = {words24::panels(columns_of(in)), words24::rows(inner), words24::columns};
  if (weight.shape == wanted) return;
  throw invalid("the packed weight must be {} for {} columns of {} elements: {}", to_string(wanted),
                columns_of(in), inner, weight.to_string());
}

Types infer(const OpInputs& in) {
  if (in[0].dtype != Dtype::f32 && in[0].dtype != Dtype::f64) {
    throw invalid("the operand must be f32: {}", in[0].to_string());
  }
  expect_rank(2, in[0]);
  expect_words(in);
  const auto& activation = in.attributes.get<std::string>("activation");
  if (activation != no_activation) activation_function(activation);
  TensorType out = in[0];
  out.shape.back() = columns_of(in);
  const TensorType bias{out.dtype, {out.shape.back()}};
  if (in.size() > 2 && in[2] != bias) {
    throw invalid("the bias must be {}: {}", bias.to_string(), in[2].to_string());
  }
  return {out};
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  const bool has_activation = in.attributes.get<std::string>("activation") != no_activation;
  const auto around = static_cast<std::int64_t>(in.size()) - 2 + (has_activation ? 1 : 0);
  return {.flops = 2 * count(out[0]) * in[0].shape.back() + around * count(out[0]),
          .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call) {
  const Tensor &x = call.inputs[0], &packed = call.inputs[1];
  const std::int64_t k = x.extents().back();
  const auto n = call.attributes.get<std::int64_t>("columns");
  const auto& activation = call.attributes.get<std::string>("activation");
  const std::int64_t rows = n == 0 ? 0 : call.outputs[0].element_count() / n;
  std::vector<double> weight(static_cast<std::size_t>(k));
  for (std::int64_t j = 0; j < n; ++j) {
    const auto* panel = packed.as<std::int64_t>() +
                        j / words24::columns * words24::rows(k) * words24::columns +
                        j % words24::columns;
    words24::unpack_column(
        k, [&](std::int64_t row) { return panel[row * words24::columns]; },
        [&](std::int64_t i, double element) { weight[i] = element; });
    for (std::int64_t row = 0; row < rows; ++row) {
      double sum = call.inputs.size() > 2 ? call.inputs[2].as<double>()[j] : 0;
      for (std::int64_t i = 0; i < k; ++i) sum += x.as<double>()[row * k + i] * weight[i];
      call.outputs[0].as<double>()[row * n + j] =
          activation == no_activation ? sum : activation_function(activation)(sum);
    }
  }
}

Sample sample(const Extents& x, std::int64_t columns, const char* activation, bool has_bias) {
  const std::int64_t k = x.back();
  Sample sample{{{Dtype::f32, x},
                 {Dtype::i32, {words24::panels(columns), words24::rows(k), words24::columns}}},
                {{"columns", columns}, {"activation", std::string(activation)}}};
  if (has_bias) sample.inputs.push_back({Dtype::f32, {columns}});
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample({1, 1}, 1, no_activation, false),      sample({3, 5}, 7, no_activation, true),
      sample({2, 3, 33}, 70, no_activation, false), sample({1, 64}, 33, no_activation, true),
      sample({33, 131}, 96, "relu", true),          sample({1, 512}, 64, "relu", true)};
  for (const char* activation : {"sigmoid", "silu", "gelu", "gelu_tanh"}) {
    samples.push_back(sample({5, 30}, 37, activation, true));
  }
  return samples;
}

}  // namespace

// Atomic: see pack_weight.cpp.
Op linear_packed_24() {
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = {{"columns", AttributeKind::integer},
                     {"activation", AttributeKind::text, std::string(no_activation)}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
