#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <array>
#include <cstring>

#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/places.h"
#include "kernels/cpu/support/simd-inl.h"
#include "kernels/cpu/support/simd_kernel.h"
#include "kernels/cpu/support/views.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// Rotates elements (i, i + half) of one row. Both are read before either is written, so `out` may
// be `x`.
template <typename T>
void rotate(const T* x, const T* cosines, const T* sines, T* out, std::int64_t half) {
  for (std::int64_t i = 0; i < half; i += lane_count) {
    const std::int64_t left = half - i;
    const Vector a = load_first(x + i, left), b = load_first(x + half + i, left);
    const Vector c = load_first(cosines + i, left), s = load_first(sines + i, left);
    store_first(hn::NegMulAdd(b, s, hn::Mul(a, c)), out + i, left);
    store_first(hn::MulAdd(a, s, hn::Mul(b, c)), out + half + i, left);
  }
}

template <typename T>
void run_typed(const Call& call) {
  const TensorView &x = call.inputs[0], &cosines = call.inputs[1], &sines = call.inputs[2];
  const int last = x.rank - 1;
  const std::int64_t width = x.extents[last], half = cosines.extents[1];
  const TensorView rows_of_x = axes(x, 0, last);
  const Places<4> rows({rows_of_x, broadcast_to(axes(cosines, 0, 1), rows_of_x),
                        broadcast_to(axes(sines, 0, 1), rows_of_x),
                        axes(call.outputs[0], 0, last)});
  parallel_ranges(rows.count(), width, call.threads, [&](std::int64_t begin, std::int64_t end) {
    rows.for_each(begin, end, [&](const auto& at) {
      const T* from = reinterpret_cast<const T*>(at[0]);
      T* to = reinterpret_cast<T*>(at[3]);
      rotate(from, reinterpret_cast<const T*>(at[1]), reinterpret_cast<const T*>(at[2]), to, half);
      if (from != to) std::memcpy(to + 2 * half, from + 2 * half, (width - 2 * half) * sizeof(T));
    });
  });
}

void run_rope(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype,
                    [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {
HWY_EXPORT(run_rope);
}  // namespace

// Pairs half a rotation apart, as most models have them.
Kernel rope_simd() {
  KernelInfo info = simd_info("", "rope", {Strides::dense_inner}, 0.5, Precision::reorders);
  info.accepts.attributes = {{"interleaved", false}};
  return {.info = std::move(info), .run = PACELINE_BEST_TARGET(run_rope)};
}

}  // namespace paceline::kernels::cpu
#endif
