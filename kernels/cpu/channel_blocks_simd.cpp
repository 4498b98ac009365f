#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/channel_blocks_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "common/ops/channel_blocks.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Channels into blocks of 16 and back, a vector gathered at a time.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

using ops::channel_block;

// Every `step`-th element, `count` of them; zeros beyond.
HWY_INLINE Vector gather_first(const float* from, std::int64_t step, std::int64_t count) {
  const Integers32 integers;
  const auto numbers = hn::Iota(integers, 0);
  const auto is_there =
      hn::Lt(numbers, hn::Set(integers, static_cast<std::int32_t>(std::min(count, lane_count))));
  const auto places = hn::Mul(numbers, hn::Set(integers, static_cast<std::int32_t>(step)));
  const auto known = hn::IfThenElseZero(is_there, places);
  return hn::IfThenElseZero(hn::RebindMask(floats32, is_there),
                            hn::GatherIndex(floats32, from, known));
}

// Calls body(plane of [B,C,H,W], block of [B,blocks,H,W,16], channels in it) for each block.
template <typename Body>
void for_each_block(const Call& call, const TensorView& plain, const float* planes, float* blocks,
                    const Body& body) {
  const std::int64_t channels = plain.extents[1], pixels = plain.extents[2] * plain.extents[3];
  const std::int64_t each = ops::channel_blocks(channels);
  parallel_ranges(plain.extents[0] * each, pixels * channel_block * 2, call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      const std::int64_t first = i / each * channels + i % each * channel_block;
                      body(const_cast<float*>(planes) + first * pixels,
                           blocks + i * pixels * channel_block,
                           std::min(channels - i % each * channel_block, channel_block));
                    }
                  });
}

void run_pack(const Call& call) {
  const TensorView& x = call.inputs[0];
  const std::int64_t pixels = x.extents[2] * x.extents[3];
  for_each_block(call, x, x.as<const float>(), call.outputs[0].as<float>(),
                 [&](const float* from, float* to, std::int64_t channels) {
                   for (std::int64_t p = 0; p < pixels; ++p, ++from) {
                     for (std::int64_t c = 0; c < channel_block; c += lane_count) {
                       const std::int64_t left = std::max<std::int64_t>(channels - c, 0);
                       store(gather_first(left > 0 ? from + c * pixels : from, pixels, left),
                             to + p * channel_block + c);
                     }
                   }
                 });
}

void run_unpack(const Call& call) {
  const TensorView& out = call.outputs[0];
  const std::int64_t pixels = out.extents[2] * out.extents[3];
  for_each_block(call, out, out.as<const float>(), call.inputs[0].as<float>(),
                 [&](float* to, const float* from, std::int64_t channels) {
                   for (std::int64_t c = 0; c < channels; ++c) {
                     for (std::int64_t p = 0; p < pixels; p += lane_count) {
                       store_first(
                           gather_first(from + p * channel_block + c, channel_block, pixels - p),
                           to + c * pixels + p, pixels - p);
                     }
                   }
                 });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_pack);
HWY_EXPORT(run_unpack);

Kernel kernel(const char* op, void (*run)(const Call&)) {
  KernelInfo info = simd_info(op, op, {Strides::dense}, 0.4, Precision::exact);
  info.accepts.dtypes = {Dtype::f32};
  return {.info = std::move(info), .run = run};
}

}  // namespace

// Names of members: channel_blocks_simd.pack_channels, channel_blocks_simd.unpack_channels.
std::vector<Kernel> channel_blocks_simd() {
  return {kernel("pack_channels", PACELINE_BEST_TARGET(run_pack)),
          kernel("unpack_channels", PACELINE_BEST_TARGET(run_unpack))};
}

}  // namespace paceline::kernels::cpu
#endif
