#include "common/ops/support/blocks.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  const BlockFormat& format = block_format(in.attributes);
  const Dtype dtype = in.attributes.get<Dtype>("dtype");
  if (!is_float(dtype)) throw invalid("dtype must be a float: {}", to_string(dtype));
  Shape shape = in[0].shape;
  const std::int64_t elements = elements_of_blocks(format, in[0]);
  shape.back() = elements;
  return {{dtype, std::move(shape)}};
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  return {.flops = count(out[0]), .bytes = bytes_of(in, out)};
}

void reference(const ReferenceCall& call) {
  const BlockFormat& format = block_format(call.attributes);
  const std::int64_t row_bytes = call.inputs[0].extents().back();
  const std::int64_t count = call.outputs[0].extents().back();
  const std::int64_t rows = count == 0 ? 0 : call.outputs[0].element_count() / count;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto elements =
        dequantized(format, call.inputs[0].as<std::int64_t>() + row * row_bytes, count);
    std::copy(elements.begin(), elements.end(), call.outputs[0].as<double>() + row * count);
  }
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const BlockFormat& format : block_formats) {
    const Attribute name = std::string(format.name);
    const std::int64_t count = format.elements;
    samples.push_back({{drawn_blocks(format, {count})}, {{"format", name}}});
    samples.push_back({{drawn_blocks(format, {2, 3, 2 * count})}, {{"format", name}}});
    for (const Dtype dtype : {Dtype::f16, Dtype::bf16, Dtype::f64}) {
      samples.push_back({{drawn_blocks(format, {3, count})}, {{"format", name}, {"dtype", dtype}}});
    }
  }
  const BlockFormat& moderate = block_format(BlockKind::q8_0);
  samples.push_back({{drawn_blocks(moderate, {128, 256})}, {{"format", std::string("q8_0")}}});
  return samples;
}

}  // namespace

Op dequantize() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"format", AttributeKind::text}, {"dtype", AttributeKind::dtype, Dtype::f32}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
