#include "common/ops/support/activation.h"
#include "common/ops/support/compose.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

// After x, weights and indices: gate[I,K], up[I,K] and down[K,I] of expert 0, of expert 1, ...
constexpr std::size_t first_expert = 3;

std::int64_t expert_count(std::size_t input_count) {
  return static_cast<std::int64_t>(input_count - first_expert) / 3;
}

void expect_expert(const OpInputs& in, std::size_t gate, const Dim& width) {
  const Shape inward{in[first_expert].shape[0], width};
  const Shape outward{width, inward[0]};
  for (std::size_t i = gate; i < gate + 3; ++i) {
    const Shape& wanted = i == gate + 2 ? outward : inward;
    if (in[i].shape == wanted && in[i].dtype == in[0].dtype) continue;
    throw invalid("input {} must be {}: {}", i, TensorType{in[0].dtype, wanted}.to_string(),
                  in[i].to_string());
  }
}

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect(Elements::indices, in[2]);
  if ((in.size() - first_expert) % 3 != 0) {
    throw invalid("experts come as gate, up and down: {} inputs after the indices",
                  in.size() - first_expert);
  }
  for (int i = 0; i < 4; ++i) {
    if (in[i].shape.size() != 2) throw invalid("input {} needs 2 axes: {}", i, in[i].to_string());
  }
  expect_equal(in[0].shape[0], in[1].shape[0], "tokens");
  if (in[1].shape != in[2].shape || in[1].dtype != in[0].dtype) {
    throw invalid("weights must be as indices, of x's dtype: {} and {}", in[1].to_string(),
                  in[2].to_string());
  }
  for (std::size_t gate = first_expert; gate < in.size(); gate += 3) {
    expect_expert(in, gate, in[0].shape[1]);
  }
  return {{in[0].dtype, in[0].shape}};
}

// Every token may choose the same experts, so no more than its own choices must be read.
Work work(const OpInputs& in) {
  const Dim expert = 3 * count(in[first_expert]);
  const Dim read = size_bytes(in[0]) + size_bytes(in[1]) + size_bytes(in[2]);
  const auto element = static_cast<std::int64_t>(size_bytes(in[0].dtype));
  return {.flops = 2 * count(in[2]) * expert,
          .bytes = read + in[2].shape[1] * expert * element + size_bytes(in[0])};
}

// out[i] = sum over j of matrix[i,j] * x[j].
std::vector<double> multiply(const Tensor& matrix, const double* x) {
  const std::int64_t width = matrix.extents()[1];
  std::vector<double> out(matrix.extents()[0], 0);
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::int64_t j = 0; j < width; ++j) out[i] += matrix.as<double>()[i * width + j] * x[j];
  }
  return out;
}

std::vector<double> run_expert(std::span<const Tensor> expert, const double* x,
                               ScalarFunction activation) {
  std::vector<double> hidden = multiply(expert[0], x);
  const std::vector<double> up = multiply(expert[1], x);
  for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] = activation(hidden[i]) * up[i];
  return multiply(expert[2], hidden.data());
}

void reference(const ReferenceCall& call) {
  const auto activation = activation_function(call.attributes.get<std::string>("activation"));
  const std::int64_t experts = expert_count(call.inputs.size());
  const std::int64_t width = call.inputs[0].extents()[1];
  const std::int64_t choices = call.inputs[2].extents()[1];
  for (std::int64_t i = 0; i < call.inputs[2].element_count(); ++i) {
    const std::int64_t chosen = call.inputs[2].as<std::int64_t>()[i];
    if (chosen < 0 || chosen >= experts) {
      throw invalid("expert_mlp: expert {} at position {} lies outside [0, {})", chosen, i,
                    experts);
    }
    const std::int64_t token = i / choices;
    const std::vector<double> out =
        run_expert(call.inputs.subspan(first_expert + 3 * chosen, 3),
                   call.inputs[0].as<double>() + token * width, activation);
    for (std::int64_t j = 0; j < width; ++j) {
      call.outputs[0].as<double>()[token * width + j] += call.inputs[1].as<double>()[i] * out[j];
    }
  }
}

// Every expert sees every token; what a token did not choose is left out, not weighed by 0, since 0
// times infinity is NaN.
std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value& x = in[0];
  const std::int64_t experts = expert_count(in.size());
  // Refuses an index that is out of range, as the op does.
  const Value known = builder.op("iota", {}, {{"extent", Dim(experts)}});
  const Value chosen = builder.op("gather", {known, in[2]});
  Value sum = builder.scalar(0, x.dtype()).broadcast(x.shape());
  for (std::int64_t e = 0; e < experts; ++e) {
    const Value* expert = &in[first_expert + 3 * e];
    const Value hidden = builder.op(
        "gated_activation", {matmul(x, expert[0], false, true), matmul(x, expert[1], false, true)},
        attributes);
    const Value out = matmul(hidden, expert[2], false, true);
    const Value is_chosen =
        combine("equal", chosen, builder.scalar(static_cast<double>(e), Dtype::i64));
    const Value share = reduce("reduce_sum", keep_where(is_chosen, in[1], 0), -1);
    const Value times = reduce("reduce_sum", is_chosen.cast(Dtype::i64), -1);
    const Value any = combine("greater", times, builder.scalar(0, Dtype::i64));
    sum = sum + keep_where(any, share * out, 0);
  }
  return {sum};
}

Sample sample(Dtype dtype, Dtype index, std::int64_t tokens, std::int64_t experts,
              std::int64_t choices, const char* activation = "silu") {
  const std::int64_t width = 12;
  const std::int64_t inner = 7;
  Sample sample{{{dtype, {tokens, width}},
                 {dtype, {tokens, choices}, between(0, 1)},
                 {index, {tokens, choices}, distinct_below(static_cast<double>(experts))}},
                {{"activation", std::string(activation)}}};
  for (std::int64_t e = 0; e < experts; ++e) {
    sample.inputs.push_back({dtype, {inner, width}});
    sample.inputs.push_back({dtype, {inner, width}});
    sample.inputs.push_back({dtype, {width, inner}});
  }
  return sample;
}

}  // namespace

Op expert_mlp() {
  return {
      .input_count_min = 6,
      .input_count_max = -1,
      .attributes = {{"activation", AttributeKind::text, "silu"}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              sample(Dtype::f32, Dtype::i64, 1, 1, 1),
              sample(Dtype::f32, Dtype::i64, 1, 4, 2),
              sample(Dtype::f32, Dtype::i64, 9, 4, 2),
              sample(Dtype::f32, Dtype::i32, 33, 8, 3, "gelu_tanh"),
              sample(Dtype::f64, Dtype::i64, 5, 4, 2, "relu"),
              sample(Dtype::f16, Dtype::i64, 5, 4, 2),
              sample(Dtype::bf16, Dtype::i32, 5, 4, 2),
          },
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
