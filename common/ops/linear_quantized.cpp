#include "common/ops/support/blocks.h"

namespace paceline::ops {

namespace {

constexpr std::size_t bias = 2;

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_rank(2, in[0]);
  if (in[1].shape.size() != 2) throw invalid("the weight must have 2 axes: {}", in[1].to_string());
  const std::int64_t inner = elements_of_blocks(block_format(in.attributes), in[1]);
  expect_equal(in[0].shape.back(), inner, "inner extents");
  const Dim& columns = in[1].shape[0];
  if (in.size() > bias && in[bias] != TensorType{in[0].dtype, {columns}}) {
    throw invalid("the bias must be {}: {}", TensorType{in[0].dtype, {columns}}.to_string(),
                  in[bias].to_string());
  }
  Shape shape = in[0].shape;
  shape.back() = columns;
  return {{in[0].dtype, std::move(shape)}};
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  const Dim results = count(out[0]);
  const Dim flops = 2 * results * in[0].shape.back();
  return {.flops = in.size() > bias ? flops + results : flops, .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call) {
  const BlockFormat& format = block_format(call.attributes);
  const Tensor &x = call.inputs[0], &blocks = call.inputs[1], &out = call.outputs[0];
  const std::int64_t k = x.extents().back(), n = blocks.extents()[0];
  const std::int64_t rows = n == 0 ? 0 : out.element_count() / n;
  for (std::int64_t column = 0; column < n; ++column) {
    const std::int64_t* row_blocks = blocks.as<std::int64_t>() + column * blocks.extents().back();
    const std::vector<float> weight = dequantized(format, row_blocks, k);
    for (std::int64_t row = 0; row < rows; ++row) {
      double sum = call.inputs.size() > bias ? call.inputs[bias].as<double>()[column] : 0;
      for (std::int64_t i = 0; i < k; ++i) sum += x.as<double>()[row * k + i] * weight[i];
      out.as<double>()[row * n + column] = sum;
    }
  }
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const BlockFormat& format : block_formats) {
    const Attributes attributes{{"format", std::string(format.name)}};
    const std::int64_t k = format.elements;
    const auto add = [&](Dtype dtype, const Extents& rows, std::int64_t columns, std::int64_t depth,
                         bool has_bias) {
      Extents x = rows;
      x.push_back(depth);
      Sample sample{{{dtype, x}, drawn_blocks(format, {columns, depth})}, attributes};
      if (has_bias) sample.inputs.push_back({dtype, {columns}});
      samples.push_back(std::move(sample));
    };
    add(Dtype::f32, {9}, 1, k, false);
    add(Dtype::f32, {1}, 37, 3 * k, true);
    add(Dtype::f32, {2, 3}, 7, 2 * k, false);
    add(Dtype::f32, {19}, 40, 2 * k, true);
    for (const Dtype dtype : {Dtype::f16, Dtype::bf16, Dtype::f64}) add(dtype, {3}, 5, k, true);
  }
  for (const BlockKind kind : {BlockKind::q8_0, BlockKind::q4_k}) {
    const BlockFormat& format = block_format(kind);
    samples.push_back({{{Dtype::f32, {64, 512}}, drawn_blocks(format, {130, 512})},
                       {{"format", std::string(format.name)}}});
    samples.push_back(
        {{{Dtype::f32, {11, 1280}}, drawn_blocks(format, {7, 1280}), {Dtype::f32, {7}}},
         {{"format", std::string(format.name)}}});
    samples.push_back({{{Dtype::f32, {9, 0}}, drawn_blocks(format, {5, 0}), {Dtype::f32, {5}}},
                       {{"format", std::string(format.name)}}});
  }
  return samples;
}

}  // namespace

// linear(x, dequantize(blocks), bias), and atomic all the same: who decomposes it keeps the
// weights' floats in memory, of which blocks are there to save most.
Op linear_quantized() {
  return {
      .input_count_min = 2,
      .input_count_max = 3,
      .attributes = {{"format", AttributeKind::text}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
