#include "common/ops/support/blocks.h"

namespace paceline::ops {

namespace {

// GGML's other formats have no one right rounding: its encoders search.
const BlockFormat& format_of(const Attributes& attributes) {
  const BlockFormat& format = block_format(attributes);
  if (format.kind != BlockKind::q8_0 && format.kind != BlockKind::q4_0) {
    throw invalid("format must be q8_0 or q4_0: {}", format.name);
  }
  return format;
}

Types infer(const OpInputs& in) {
  const BlockFormat& format = format_of(in.attributes);
  expect(Elements::floats, in[0]);
  expect_rank(1, in[0]);
  const auto count = in[0].shape.back().constant();
  if (!count || *count % format.elements != 0) {
    throw invalid("the last axis must be whole blocks of {} elements: {}", format.elements,
                  in[0].to_string());
  }
  Shape shape = in[0].shape;
  shape.back() = format.row_bytes(*count);
  return {{Dtype::u8, std::move(shape)}};
}

Work work(const OpInputs& in) { return {.flops = count(in[0]), .bytes = bytes_of(in, infer(in))}; }

void reference(const ReferenceCall& call) {
  const BlockFormat& format = format_of(call.attributes);
  const double* x = call.inputs[0].as<double>();
  const std::vector<float> elements(x, x + call.inputs[0].element_count());
  std::vector<std::uint8_t> blocks(static_cast<std::size_t>(call.outputs[0].element_count()));
  quantize_row(format, elements, blocks);
  std::copy(blocks.begin(), blocks.end(), call.outputs[0].as<std::int64_t>());
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const char* name : {"q8_0", "q4_0"}) {
    const Attributes attributes{{"format", std::string(name)}};
    for (const Extents& extents : {Extents{32}, {2, 3, 64}, {128, 256}}) {
      samples.push_back({{{Dtype::f32, extents}}, attributes});
    }
    for (const Dtype dtype : {Dtype::f16, Dtype::bf16, Dtype::f64}) {
      samples.push_back({{{dtype, {3, 96}}}, attributes});
    }
  }
  return samples;
}

}  // namespace

Op quantize() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"format", AttributeKind::text}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
