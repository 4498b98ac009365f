#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/reduce_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/places.h"
#include "kernels/cpu/support/reduction.h"
#include "kernels/cpu/support/simd-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Sums over axes whose elements lie beside each other, a vector at a time; others one by one.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

template <typename T>
double sum_of(const T* x, std::int64_t stride, std::int64_t count) {
  if (stride == 1) {
    const Vector zero = hn::Zero(floats32);
    return sum_of_lanes(fold(x, count, zero, zero, Add{}, Add{}));
  }
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i)
    sum += static_cast<double>(static_cast<float>(x[i * stride]));
  return sum;
}

void run_reduce_sum(const Call& call) {
  const ReductionViews views(call.inputs[0], call.outputs[0], call.state<ReductionState>());
  std::int64_t elements = 1;
  for (int axis = 0; axis < views.reduced.rank; ++axis) elements *= views.reduced.extents[axis];
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const Rows<1> reduced({views.reduced});
    const Places<2> kept({views.kept, views.out});
    parallel_ranges(
        kept.count(), elements, call.threads, [&](std::int64_t begin, std::int64_t end) {
          kept.for_each(begin, end, [&](const auto& at) {
            double total = 0;
            reduced.for_each(
                {at[0]}, [&](const auto& row, const auto& strides, std::int64_t count) {
                  total += sum_of(reinterpret_cast<const T*>(row[0]), strides[0], count);
                });
            *reinterpret_cast<T*>(at[1]) = static_cast<T>(static_cast<float>(total));
          });
        });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {
HWY_EXPORT(run_reduce_sum);
}  // namespace

Kernel reduce_simd() {
  return {.info = simd_info("", "reduce_sum", {Strides::any}, 0.3, Precision::reorders),
          .prepare = prepare<ReductionState>,
          .run = PACELINE_BEST_TARGET(run_reduce_sum)};
}

}  // namespace paceline::kernels::cpu
#endif
