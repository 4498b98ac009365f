#include "common/ops/channel_blocks.h"
#include "common/ops/support/blocked_convolution.h"
#include "common/ops/support/convolution.h"
#include "common/ops/support/packing.h"
#include "common/ops/support/samples.h"
#include "common/ops/support/winograd.h"
#include "common/ops/winograd.h"

namespace paceline::ops {

Op conv_winograd();

namespace {

constexpr std::int64_t places = winograd_window * winograd_window;

// The operands of `conv_winograd` on all channels, those that fill up blocks included.
Types unblocked(const OpInputs& in) {
  const Shape &x = in[0].shape, &filters = in[1].shape;
  const bool fits = x.size() == 5 && x[4] == channel_block && filters.size() == 5 &&
                    filters[1] == places && filters[3] == channel_block &&
                    filters[4] == channel_block;
  if (!fits) {
    throw invalid("expected x[B,C,H,W,{0}] and filters[M,{1},C,{0},{0}]: {2} and {3}",
                  channel_block, places, in[0].to_string(), in[1].to_string());
  }
  const Dim rows = filters[0] * channel_block;
  if (in[2].shape != Shape{filters[0], channel_block}) {
    throw invalid("bias must be [{},{}]: {}", filters[0].to_string(), channel_block,
                  in[2].to_string());
  }
  return {{in[0].dtype, {x[0], x[1] * channel_block, x[2], x[3]}},
          {in[1].dtype, {places, rows, filters[2] * channel_block}},
          {in[2].dtype, {rows}}};
}

Types infer(const OpInputs& in) {
  expect_equal_dtypes(in);
  const Types types = unblocked(in);
  TensorType out = conv_winograd().infer({types, in.attributes})[0];
  out.shape[1] = in[1].shape[0];
  out.shape.push_back(channel_block);
  return {out};
}

Work work(const OpInputs& in) {
  const Types types = unblocked(in);
  return {.flops = conv_winograd().work({types, in.attributes}).flops,
          .bytes = bytes_of(in, infer(in))};
}

void reference(const ReferenceCall& call) {
  Types given;
  for (const Tensor& input : call.inputs) {
    given.push_back({Dtype::f64, {input.extents().begin(), input.extents().end()}});
  }
  const Types types = unblocked({given, call.attributes});
  const Extents x = evaluate(types[0].shape, {}), filters = evaluate(types[1].shape, {});
  const std::int64_t rows = filters[1], depth = filters[2];
  const auto place_in_filters = [&](std::int64_t i) {
    const std::int64_t p = i / depth / rows, m = i / depth % rows, c = i % depth;
    const std::int64_t block = (m / channel_block * places + p) * depth + c;
    return block * channel_block + m % channel_block;
  };
  const std::vector<Tensor> inputs{
      rearranged(call.inputs[0], x,
                 [&](std::int64_t i) { return blocked_place(i, x[1], x[2] * x[3]); }),
      rearranged(call.inputs[1], filters, place_in_filters),
      rearranged(call.inputs[2], {rows}, [](std::int64_t i) { return i; })};
  const Op plain = conv_winograd();
  const TensorType type = plain.infer({types, call.attributes})[0];
  Tensor out(Dtype::f64, evaluate(type.shape, {}));
  plain.reference({inputs, {&out, 1}, call.attributes});
  const std::int64_t pixels = out.extents()[2] * out.extents()[3];
  for (std::int64_t i = 0; i < out.element_count(); ++i) {
    call.outputs[0].as<double>()[blocked_place(i, rows, pixels)] = out.as<double>()[i];
  }
}

Sample sample(Dtype dtype, const Extents& x, std::int64_t rows, const char* activation,
              std::int64_t low = 1, std::int64_t high = 1) {
  return winograd_sample(
      {{dtype, {x[0], x[1], x[2], x[3], channel_block}},
       {dtype, {rows, places, x[1], channel_block, channel_block}, between(-0.1, 0.1)},
       {dtype, {rows, channel_block}}},
      activation, low, high);
}

}  // namespace

// Atomic, as `conv_winograd` is.
Op conv_winograd_blocked() {
  return {
      .input_count_min = 3,
      .input_count_max = 3,
      .attributes = winograd_attributes(),
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              sample(Dtype::f32, {1, 1, 3, 3}, 1, "none", 0, 0),
              sample(Dtype::f32, {2, 2, 7, 5}, 3, "relu"),
              sample(Dtype::f32, {1, 1, 14, 14}, 2, "clip"),
              sample(Dtype::f32, {1, 2, 30, 34}, 1, "silu"),
              sample(Dtype::f32, {1, 1, 9, 10}, 2, "sigmoid", 2, 0),
              sample(Dtype::f64, {1, 1, 6, 6}, 1, "relu"),
              sample(Dtype::f16, {1, 1, 6, 6}, 1, "none"),
              sample(Dtype::bf16, {1, 1, 6, 6}, 1, "none"),
          },
  };
}

}  // namespace paceline::ops
