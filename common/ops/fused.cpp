#include "common/ops/support/fused_program.h"

#include "common/graph/graph.h"
#include "common/ops/all_ops.h"
#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

using Kind = FusedProgram::Operand::Kind;

FusedProgram program_of(const Attributes& attributes) {
  return FusedProgram::parse(attributes.get<std::string>("program"));
}

// Outputs cover the whole space, or one element of each row of it.
void expect_covering(const Shape& shape, const Shape& space) {
  Shape row = space;
  if (!row.empty()) row.back() = 1;
  if (shape != space && shape != row) {
    throw invalid("an output must be {} or {}: {}", to_string(space), to_string(row),
                  to_string(shape));
  }
}

Types infer(const OpInputs& in) {
  const FusedProgram program = program_of(in.attributes);
  if (program.input_count != static_cast<int>(in.size())) {
    throw invalid("the program has {} inputs, not {}", program.input_count, in.size());
  }
  if (!is_float(in[0].dtype))
    throw invalid("the first input must be floats: {}", in[0].to_string());
  const std::vector<TensorType> types = fused_types(program, in.types);
  const Shape space = fused_space(in.types);
  Types outputs;
  for (const int output : program.outputs) {
    expect_covering(types[output].shape, space);
    outputs.push_back(types[output]);
  }
  return outputs;
}

Work work(const OpInputs& in) {
  const Types outputs = infer(in);
  return {.flops = element_count(fused_space(in.types)), .bytes = bytes_of(in, outputs)};
}

Tensor broadcast_to(const Tensor& x, const Extents& extents) {
  if (x.extents() == extents) return x;
  const Tensor out(x.dtype(), extents);
  std::vector<std::int64_t> strides = row_major_strides(x.extents());
  for (std::size_t axis = 0; axis < strides.size(); ++axis) {
    if (x.extents()[axis] == 1) strides[axis] = 0;
  }
  strides.insert(strides.begin(), extents.size() - strides.size(), 0);
  std::int64_t target = 0;
  for_each_index(extents, [&](const std::vector<std::int64_t>& index) {
    copy_elements(x, offset_of(index, strides), out, target++);
  });
  return out;
}

TensorType type_of(const Tensor& tensor) {
  return {tensor.dtype(), Shape(tensor.extents().begin(), tensor.extents().end())};
}

// One step by the reference of its op. References hold floats in f64 whatever their dtype.
Tensor evaluate(const FusedProgram::Step& step, std::span<const Tensor> inputs,
                std::span<const Tensor> steps) {
  const Op& op = all_ops().get(step.op);
  std::vector<Tensor> operands;
  Shape shape;
  std::optional<Dtype> dtype;
  for (const auto& operand : step.operands) {
    if (operand.kind == Kind::number) {
      operands.emplace_back();
      continue;
    }
    operands.push_back(operand.kind == Kind::input ? inputs[operand.index] : steps[operand.index]);
    shape = broadcast_shape(shape, type_of(operands.back()).shape);
    if (!dtype || *dtype == Dtype::boolean) dtype = operands.back().dtype();
  }
  const Extents extents = paceline::evaluate(shape, {});
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (step.operands[i].kind == Kind::number) {
      operands[i] = Tensor::of<double>({}, {step.operands[i].number}).cast(*dtype);
    }
    operands[i] = broadcast_to(operands[i], extents);
    types.push_back(type_of(operands[i]));
  }
  const Attributes attributes = step.attributes().complete(op.name, op.attributes);
  const TensorType type = infer_types(op, types, attributes).front();
  Tensor out(type.dtype == Dtype::boolean ? Dtype::boolean : Dtype::f64,
             paceline::evaluate(type.shape, {}));
  op.reference({operands, {&out, 1}, attributes});
  return out;
}

void reference(const ReferenceCall& call) {
  const FusedProgram program = program_of(call.attributes);
  std::vector<Tensor> steps;
  for (const auto& step : program.steps) steps.push_back(evaluate(step, call.inputs, steps));
  for (std::size_t i = 0; i < program.outputs.size(); ++i) {
    const Tensor& result = steps[program.outputs[i]];
    copy_elements(result, 0, call.outputs[i], 0, result.element_count());
  }
}

Value decompose_step(GraphBuilder& builder, const FusedProgram::Step& step,
                     std::span<const Value> inputs, std::span<const Value> steps) {
  std::vector<Value> operands;
  Shape shape;
  std::optional<Dtype> dtype;
  for (const auto& operand : step.operands) {
    if (operand.kind == Kind::number) {
      operands.emplace_back();
      continue;
    }
    operands.push_back(operand.kind == Kind::input ? inputs[operand.index] : steps[operand.index]);
    shape = broadcast_shape(shape, operands.back().shape());
    if (!dtype || *dtype == Dtype::boolean) dtype = operands.back().dtype();
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (step.operands[i].kind == Kind::number) {
      operands[i] = builder.scalar(step.operands[i].number, *dtype);
    }
    operands[i] = operands[i].broadcast(shape);
  }
  return builder.op(step.op, operands, step.attributes());
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  const FusedProgram program = program_of(attributes);
  std::vector<Value> steps, outputs;
  for (const auto& step : program.steps) steps.push_back(decompose_step(builder, step, in, steps));
  for (const int output : program.outputs) outputs.push_back(steps[output]);
  return outputs;
}

Sample sample(std::vector<Sample::Operand> inputs, std::string program) {
  return {std::move(inputs), {{"program", std::move(program)}}};
}

constexpr const char* affine_gelu =
    "v0 = mul(i0, i1); v1 = add(v0, i2); v2 = gelu.none(v1); out(v2)";
constexpr const char* residual_norm =
    "v0 = add(i0, i1); v1 = mul(v0, v0); v2 = reduce_sum(v1); v3 = mul(v2, 0.03125); "
    "v4 = add(v3, 1e-06); v5 = rsqrt(v4); v6 = mul(v0, v5); v7 = mul(v6, i2); out(v0, v7)";
constexpr const char* standardise =
    "v0 = reduce_sum(i0); v1 = div(v0, 37); v2 = sub(i0, v1); v3 = mul(v2, v2); "
    "v4 = reduce_sum(v3); v5 = div(v4, 37); v6 = add(v5, 1e-05); v7 = sqrt(v6); v8 = div(v2, v7); "
    "v9 = mul(v8, i1); v10 = add(v9, i2); out(v1, v10)";
constexpr const char* functions =
    "v0 = abs(i0); v1 = log(v0); v2 = tanh(i0); v3 = erf(i0); v4 = exp(v2); v5 = sigmoid(i0); "
    "v6 = silu(i0); v7 = relu(i0); v8 = gelu.tanh(i0); v9 = sqrt(v0); v10 = add(v0, 1); "
    "v11 = rsqrt(v10); v12 = neg(i0); v13 = maximum(v1, -2); v14 = minimum(v13, v12); "
    "v15 = add(v14, v3); v16 = mul(v4, v5); v17 = sub(v6, v7); v18 = add(v8, v9); "
    "v19 = mul(v15, v16); v20 = add(v17, v18); v21 = mul(v20, v11); v22 = add(v19, v21); "
    "v23 = mul(i0, 3.3); v24 = floor(v23); v25 = ceil(v23); v26 = round(v23); v27 = sign(i0); "
    "v28 = add(v24, v25); v29 = mul(v26, v27); v30 = add(v28, v29); v31 = div(v30, 4); "
    "v32 = sub(v22, v31); out(v32)";
constexpr const char* comparisons =
    "v0 = less(i0, i1); v1 = greater_equal(i0, -0.5); v2 = logical_and(v0, v1); "
    "v3 = equal(i0, i1); v4 = logical_or(v2, v3); v5 = logical_not(i2); v6 = logical_xor(v4, v5); "
    "v7 = greater(i0, 1); v8 = less_equal(i1, 1); v9 = not_equal(v7, v8); v10 = is_nan(i0); "
    "v11 = logical_or(v9, v10); v12 = logical_and(v6, v11); v13 = where(v6, i0, i1); "
    "v14 = where(v12, 2, v13); out(v12, v14)";
constexpr const char* extremes =
    "v0 = reduce_min(i0); v1 = reduce_max(i0); v2 = sub(v1, v0); v3 = sub(i0, v0); "
    "v4 = div(v3, v2); out(v1, v4)";

std::vector<Sample> samples() {
  using enum Dtype;
  std::vector<Sample> samples = {
      sample({{f32, {1}}, {f32, {}}, {f32, {1}}}, affine_gelu),
      sample({{f32, {3, 5}}, {f32, {5}}, {f32, {3, 1}}}, affine_gelu),
      sample({{f32, {2, 3, 4, 37}}, {f32, {3, 1, 1}}, {f32, {2, 1, 4, 37}}}, affine_gelu),
      sample({{f32, {128, 256}}, {f32, {256}}, {f32, {256}}}, affine_gelu),
      sample({{f32, {0, 7}}, {f32, {}}, {f32, {7}}}, affine_gelu),
      sample({{f64, {4, 33}}, {f64, {33}}, {f64, {}}}, affine_gelu),
      sample({{f16, {4, 33}}, {f16, {33}}, {f16, {}}}, affine_gelu),
      sample({{bf16, {4, 33}}, {bf16, {33}}, {bf16, {}}}, affine_gelu),
      // Rows that keep one key or more.
      sample(
          {{f32, {2, 3, 5, 19}}, {boolean, {5, 1}}},
          "v0 = mul(i0, 0.5); v1 = where(i1, v0, -1e+30); v2 = reduce_max(v1); v3 = sub(v1, v2); "
          "v4 = exp(v3); v5 = reduce_sum(v4); v6 = div(v4, v5); out(v6)"),
      sample({{f32, {4, 300}}, {f32, {4, 300}}, {f32, {300}}}, residual_norm),
      sample({{f16, {4, 32}}, {f16, {4, 32}}, {f16, {32}}}, residual_norm),
      sample({{bf16, {4, 32}}, {bf16, {4, 32}}, {bf16, {32}}}, residual_norm),
      sample({{f32, {5, 37}}, {f32, {37}}, {f32, {37}}}, standardise),
      sample({{f32, {3, 1}}, {f32, {1}}, {f32, {}}}, standardise),
      sample({{f32, {64, 1000}}, {f32, {1000}}, {f32, {1000}}}, standardise),
      sample({{f32, {67}}}, functions),
      sample({{f64, {67}}}, functions),
      sample({{f32, {3, 41}}, {f32, {3, 41}}, {boolean, {41}}}, comparisons),
      sample({{f32, {2, 3, 19}}}, extremes),
  };
  for (const Extents& extents : {Extents{4, 16}, Extents{2, 3, 5, 64}}) {
    Extents mask = extents;
    mask.front() = 1;
    samples.push_back(sample({{f32, extents}, {f32, mask}},
                             "v0 = greater(i1, -3); v1 = mul(i0, 0.125); "
                             "v2 = where(v0, v1, -inf); v3 = reduce_max(v2); v4 = sub(v2, v3); "
                             "v5 = exp(v4); v6 = reduce_sum(v5); v7 = div(v5, v6); out(v7)"));
  }
  return samples;
}

}  // namespace

Op fused() {
  return {
      .input_count_min = 1,
      .input_count_max = FusedProgram::inputs_max,
      .attributes = {{"program", AttributeKind::text}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
