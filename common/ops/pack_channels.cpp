#include "common/ops/channel_blocks.h"
#include "common/ops/support/packing.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  if (in[0].shape.size() != 4) throw invalid("x must be [B,C,H,W]: {}", in[0].to_string());
  Shape shape = in[0].shape;
  shape[1] = channel_blocks(fixed_extent(in[0], 1));
  shape.push_back(channel_block);
  return {{in[0].dtype, shape}};
}

void reference(const ReferenceCall& call) {
  const Extents& x = call.inputs[0].extents();
  const std::int64_t pixels = x[2] * x[3], blocks = channel_blocks(x[1]);
  const double* from = call.inputs[0].as<double>();
  double* out = call.outputs[0].as<double>();
  for (std::int64_t i = 0; i < x[0] * blocks * pixels * channel_block; ++i) {
    const std::int64_t c =
        i / (pixels * channel_block) % blocks * channel_block + i % channel_block;
    const std::int64_t batch = i / (pixels * channel_block) / blocks;
    const std::int64_t pixel = i / channel_block % pixels;
    out[i] = c < x[1] ? from[(batch * x[1] + c) * pixels + pixel] : 0;
  }
}

}  // namespace

// Atomic, as `pack_weight` is: a layout is no news to rules.
Op pack_channels() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(infer(in)[0]); },
      .reference = reference,
      .samples = {{{{Dtype::f32, {1, 1, 1, 1}}}},
                  {{{Dtype::f32, {2, 3, 5, 4}}}},
                  {{{Dtype::f32, {1, 16, 7, 7}}}},
                  {{{Dtype::f32, {2, 40, 3, 17}}}},
                  {{{Dtype::f32, {1, 64, 28, 28}}}},
                  {{{Dtype::f64, {1, 17, 2, 3}}}},
                  {{{Dtype::f16, {1, 17, 2, 3}}}},
                  {{{Dtype::bf16, {1, 17, 2, 3}}}}},
  };
}

}  // namespace paceline::ops
