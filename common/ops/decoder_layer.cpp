#include "common/ops/support/decoder_layer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/graph/graph.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

using namespace layer_steps;

Types infer(const OpInputs& in) {
  const ValueTypes types = types_of(in);
  return {types[out], types[kept_keys], types[kept_values]};
}

// Of the states, the rows that are seen and written alone; what steps hand on counts nothing.
Work work(const OpInputs& in) {
  const ValueTypes types = types_of(in);
  Dim flops = 0;
  for (const Step& step : steps(in.size(), in.attributes)) {
    std::vector<TensorType> operands;
    for (const std::size_t input : step.inputs) operands.push_back(types[input]);
    flops += op_of(step).work({operands, step.attributes}).flops;
  }
  Dim bytes = size_bytes(types[seen_keys]) + size_bytes(types[seen_values]);
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (i != keys && i != values) bytes += size_bytes(in[i]);
  }
  return {.flops = flops,
          .bytes = bytes + size_bytes(types[out]) + size_bytes(types[k]) + size_bytes(types[v])};
}

// [A,B,C,D] to [A,C,B,D].
Tensor with_middle_axes_swapped(const Tensor& from) {
  const Extents& e = from.extents();
  Tensor to(Dtype::f64, {e[0], e[2], e[1], e[3]});
  for (std::int64_t a = 0; a < e[0]; ++a) {
    for (std::int64_t b = 0; b < e[1]; ++b) {
      for (std::int64_t c = 0; c < e[2]; ++c) {
        std::copy_n(from.as<double>() + ((a * e[1] + b) * e[2] + c) * e[3], e[3],
                    to.as<double>() + ((a * e[2] + c) * e[1] + b) * e[3]);
      }
    }
  }
  return to;
}

// The first rows of every head.
Tensor first_rows(const Tensor& from, std::int64_t rows) {
  const Extents& e = from.extents();
  Tensor to(Dtype::f64, {e[0], e[1], rows, e[3]});
  for (std::int64_t head = 0; head < e[0] * e[1]; ++head) {
    std::copy_n(from.as<double>() + head * e[2] * e[3], rows * e[3],
                to.as<double>() + head * rows * e[3]);
  }
  return to;
}

void reference(const ReferenceCall& call) {
  std::vector<TensorType> operands;
  for (const Tensor& input : call.inputs) {
    operands.push_back({input.dtype(), Shape(input.extents().begin(), input.extents().end())});
  }
  const ValueTypes types = types_of({operands, call.attributes});
  std::array<Tensor, value_count> at;
  std::copy(call.inputs.begin(), call.inputs.end(), at.begin());
  const std::int64_t seen = call.attributes.get<Dim>("start").evaluate({}) + at[x].extents()[1];
  for (const Step& step : steps(call.inputs.size(), call.attributes)) {
    if (step.outputs.front() == attended) {
      at[seen_keys] = first_rows(at[kept_keys], seen);
      at[seen_values] = first_rows(at[kept_values], seen);
    }
    std::vector<Tensor> given, made;
    for (const std::size_t input : step.inputs) given.push_back(at[input]);
    for (const std::size_t output : step.outputs) {
      Extents extents;
      for (const Dim& dim : types[output].shape) extents.push_back(dim.evaluate({}));
      made.emplace_back(Dtype::f64, extents);
    }
    op_of(step).reference({given, made, step.attributes});
    for (std::size_t i = 0; i < made.size(); ++i) at[step.outputs[i]] = made[i];
    if (step.outputs.front() == attended) {
      const Tensor rows = with_middle_axes_swapped(at[attended]);
      const Extents& e = rows.extents();
      at[joined] = Tensor(Dtype::f64, {e[0], e[1], e[2] * e[3]});
      std::copy_n(rows.as<double>(), rows.element_count(), at[joined].as<double>());
    }
  }
  const std::size_t given[] = {out, kept_keys, kept_values};
  for (std::size_t i = 0; i < 3; ++i) {
    std::copy_n(at[given[i]].as<double>(), at[given[i]].element_count(),
                call.outputs[i].as<double>());
  }
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  std::array<Value, value_count> at;
  std::copy(in.begin(), in.end(), at.begin());
  for (const Step& step : steps(in.size(), attributes)) {
    if (step.outputs.front() == attended) {
      const Dim seen = attributes.get<Dim>("start") + in[x].dim(1);
      at[seen_keys] = at[kept_keys].slice(2, 0, seen);
      at[seen_values] = at[kept_values].slice(2, 0, seen);
    }
    std::vector<Value> given;
    for (const std::size_t input : step.inputs) given.push_back(at[input]);
    const std::vector<Value> made = builder.multi(step.op, given, step.attributes);
    for (std::size_t i = 0; i < made.size(); ++i) at[step.outputs[i]] = made[i];
    if (step.outputs.front() == attended) {
      const Value& heads_apart = at[attended];
      at[joined] = heads_apart.permute({0, 2, 1, 3})
                       .reshape({heads_apart.dim(0), heads_apart.dim(2),
                                 heads_apart.dim(1) * heads_apart.dim(3)});
    }
  }
  return {at[out], at[kept_keys], at[kept_values]};
}

struct Setting {
  std::int64_t batch = 1, positions = 1, width = 16, heads = 2, groups = 1, head_width = 8;
  std::int64_t inner = 24, pairs = 4, capacity = 8, start = 3;
  bool has_norms = false, interleaved = false;
  const char* activation = "silu";
  std::int64_t window = 0;
  double weight_offset = 0, softcap = 0;
};

Sample sample(Dtype dtype, const Setting& s) {
  const std::int64_t queries = s.heads * s.head_width, kept = s.groups * s.head_width;
  const auto weight = [&](std::int64_t columns, std::int64_t depth) {
    const double size = 1 / std::sqrt(static_cast<double>(depth));
    return Sample::Operand{
        dtype, {columns, depth}, {.kind = Domain::Kind::uniform, .low = -size, .high = size}};
  };
  const Sample::Operand table{
      dtype, {s.positions, s.pairs}, {.kind = Domain::Kind::uniform, .low = -1, .high = 1}};
  const Sample::Operand state{dtype, {s.batch, s.groups, s.capacity, s.head_width}};
  Sample sample{{{dtype, {s.batch, s.positions, s.width}},
                 {dtype, {s.width}},
                 weight(queries, s.width),
                 weight(kept, s.width),
                 weight(kept, s.width),
                 table,
                 table,
                 state,
                 state,
                 weight(s.width, queries),
                 {dtype, {s.width}},
                 weight(s.inner, s.width),
                 weight(s.inner, s.width),
                 weight(s.width, s.inner)},
                {{"start", Dim(s.start)},
                 {"scale", 1 / std::sqrt(static_cast<double>(s.head_width))},
                 {"interleaved", s.interleaved},
                 {"activation", std::string(s.activation)},
                 {"window", s.window},
                 {"softcap", s.softcap},
                 {"weight_offset", s.weight_offset}}};
  if (!s.has_norms) return sample;
  sample.inputs.push_back({dtype, {s.head_width}});
  sample.inputs.push_back({dtype, {s.head_width}});
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back(sample(dtype, {}));
    // Of one position each: where others are hidden, what they hold does not count for kernels.
    samples.push_back(sample(dtype, {.batch = 2,
                                     .heads = 4,
                                     .groups = 2,
                                     .pairs = 3,
                                     .start = 4,
                                     .has_norms = true,
                                     .interleaved = true,
                                     .activation = "gelu_tanh",
                                     .window = 2,
                                     .weight_offset = 1,
                                     .softcap = 20}));
  }
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    samples.push_back(sample(dtype, {.width = 64,
                                     .heads = 4,
                                     .groups = 2,
                                     .head_width = 64,
                                     .inner = 96,
                                     .pairs = 32,
                                     .capacity = 20,
                                     .start = 17,
                                     .has_norms = true}));
    samples.push_back(sample(dtype, {.width = 72,
                                     .heads = 3,
                                     .groups = 1,
                                     .head_width = 128,
                                     .inner = 40,
                                     .pairs = 64,
                                     .capacity = 5,
                                     .start = 0,
                                     .activation = "gelu"}));
  }
  return samples;
}

}  // namespace

// A layer of a decoder with a cache of keys and values, from its input to its output: what
// norm_linears, head_append, attention over the first start + N rows of the states,
// linear_residual, norm_linears_gated and linear_residual compute one after the other. Weights are
// [columns, depth]; all norms have one epsilon and one offset.
Op decoder_layer() {
  return {
      .input_count_min = static_cast<int>(input_count),
      .input_count_max = static_cast<int>(input_count) + 2,
      .attributes = {{"start", AttributeKind::dim},
                     {"scale", AttributeKind::real},
                     {"epsilon", AttributeKind::real, 1e-6},
                     {"weight_offset", AttributeKind::real, 0.0},
                     {"interleaved", AttributeKind::boolean, false},
                     {"activation", AttributeKind::text, "silu"},
                     {"window", AttributeKind::integer, 0},
                     {"softcap", AttributeKind::real, 0.0}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
      .updates = {{1, keys}, {2, values}},
  };
}

}  // namespace paceline::ops
