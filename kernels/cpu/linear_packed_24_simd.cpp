#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_packed_24_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/packed_few_rows-inl.h"
#include "kernels/cpu/support/packed_problem.h"
#include "kernels/cpu/support/simd_kernel.h"
#include "kernels/cpu/support/words24-inl.h"

// For few rows, whose products take as long as reading the weight: three quarters of the bytes, of
// which a core's cache holds more.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

void run(const Call& call) {
  namespace words24 = ops::words24;
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const std::int64_t k = x.extents[x.rank - 1], n = out.extents[out.rank - 1];
  const std::int64_t m = n == 0 ? 0 : out.element_count() / n;
  if (m == 0) return;
  void (*activate)(float*, std::int64_t, std::int64_t, std::int64_t) = nullptr;
  if (const auto activation = call.state<PackedState>().activation) {
    visit_vector_activation(*activation, [&]<typename F>(F) { activate = activate_few<F>; });
  }
  const float* bias = optional_input<float>(call, 2);
  const std::int64_t panels = words24::panels(n);
  share_panels(m, panels, k, call.threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const std::int64_t column = j * words24::columns;
      float* to = out.as<float>() + column;
      const std::int64_t columns = std::min(words24::columns, n - column);
      multiply_words(m,
                     {.x = x.as<const float>(),
                      .x_stride = k,
                      .panel = call.inputs[1].as<const std::int32_t>() + column * words24::rows(k),
                      .k = k,
                      .bias = bias == nullptr ? nullptr : bias + column,
                      .out = to,
                      .out_stride = n,
                      .columns = columns});
      if (activate) activate(to, n, m, columns);
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
HWY_EXPORT(run);
}  // namespace

// Expected to win where bytes are what counts, and to lose where flops are.
Kernel linear_packed_24_simd() {
  KernelInfo info = simd_info("", "linear_packed_24", {Strides::dense}, 0.75);
  info.accepts.dtypes = {Dtype::f32};
  return {
      .info = std::move(info), .prepare = prepare<PackedState>, .run = PACELINE_BEST_TARGET(run)};
}

}  // namespace paceline::kernels::cpu
#endif
