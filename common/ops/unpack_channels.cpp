#include "common/ops/channel_blocks.h"
#include "common/ops/support/packing.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  const std::int64_t channels = in.attributes.get<std::int64_t>("channels");
  Shape shape = in[0].shape;
  if (shape.size() != 5 || shape[4] != channel_block) {
    throw invalid("x must be [B,blocks,H,W,{}]: {}", channel_block, in[0].to_string());
  }
  const std::int64_t blocks = fixed_extent(in[0], 1);
  if (channels < 0 || channel_blocks(channels) != blocks) {
    throw invalid("{} blocks of {} do not hold {} channels: {}", blocks, channel_block, channels,
                  in[0].to_string());
  }
  shape.pop_back();
  shape[1] = channels;
  return {{in[0].dtype, shape}};
}

void reference(const ReferenceCall& call) {
  const Extents& out = call.outputs[0].extents();
  const std::int64_t pixels = out[2] * out[3], blocks = channel_blocks(out[1]);
  const double* from = call.inputs[0].as<double>();
  double* to = call.outputs[0].as<double>();
  for (std::int64_t i = 0; i < call.outputs[0].element_count(); ++i) {
    const std::int64_t batch = i / pixels / out[1], c = i / pixels % out[1];
    const std::int64_t block = batch * blocks + c / channel_block;
    to[i] = from[(block * pixels + i % pixels) * channel_block + c % channel_block];
  }
}

Sample sample(Dtype dtype, const Extents& x, std::int64_t channels) {
  return {{{dtype, x}}, {{"channels", channels}}};
}

}  // namespace

// Atomic, as `pack_channels` is.
Op unpack_channels() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"channels", AttributeKind::integer}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(infer(in)[0]); },
      .reference = reference,
      .samples = {sample(Dtype::f32, {1, 1, 1, 1, 16}, 1), sample(Dtype::f32, {2, 1, 5, 4, 16}, 3),
                  sample(Dtype::f32, {1, 1, 7, 7, 16}, 16),
                  sample(Dtype::f32, {2, 3, 3, 17, 16}, 40),
                  sample(Dtype::f32, {1, 4, 28, 28, 16}, 64),
                  sample(Dtype::f64, {1, 2, 2, 3, 16}, 17),
                  sample(Dtype::f16, {1, 2, 2, 3, 16}, 17),
                  sample(Dtype::bf16, {1, 2, 2, 3, 16}, 17)},
  };
}

}  // namespace paceline::ops
