#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/softmax_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
#include <type_traits>

#include "kernels/cpu/support/simd_kernel.h"
#include "kernels/cpu/support/simd_math-inl.h"
#include "kernels/cpu/support/simd_rows.h"

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

struct AddExponential {
  Vector shift;
  HWY_INLINE Vector operator()(Vector sum, Vector x) const {
    return hn::Add(sum, exponential_or_zero(hn::Sub(x, shift)));
  }
};

// The sum of e^(x - shift). The last vector is filled up with what adds nothing.
template <typename T>
float sum_of_exponentials(const T* x, std::int64_t count, Vector shift) {
  const Vector zero = hn::Zero(floats32), nothing = fill(-hwy::HighestValue<float>() * 2);
  return sum_of_lanes(fold(x, count, zero, nothing, AddExponential{shift}, Add{}));
}

// Floats keep their exponentials in `out`; halves would be rounded twice, and compute them again.
template <typename T>
void softmax_row(const T* x, T* out, std::int64_t count) {
  const Vector shift = fill(largest_of(x, count));
  if constexpr (std::is_same_v<T, float>) {
    const float sum = store_exponentials(x, out, count, shift);
    multiply(out, count, 1 / sum);
  } else {
    const Vector scale = fill(1 / sum_of_exponentials(x, count, shift));
    for (std::int64_t i = 0; i < count; i += lane_count) {
      const Vector power = exponential_or_zero(hn::Sub(load_first(x + i, count - i), shift));
      store_first(hn::Mul(power, scale), out + i, count - i);
    }
  }
}

template <typename T>
void log_softmax_row(const T* x, T* out, std::int64_t count) {
  const Vector shift = fill(largest_of(x, count));
  const Vector log_sum = fill(std::log(sum_of_exponentials(x, count, shift)));
  for (std::int64_t i = 0; i < count; i += lane_count) {
    const Vector distance = hn::Sub(load_first(x + i, count - i), shift);
    store_first(hn::Sub(distance, log_sum), out + i, count - i);
  }
}

void run_softmax(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    parallel_rows<T>(call,
                     [](const T* x, T* out, std::int64_t count) { softmax_row(x, out, count); });
  });
}

void run_log_softmax(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    parallel_rows<T>(
        call, [](const T* x, T* out, std::int64_t count) { log_softmax_row(x, out, count); });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_softmax);
HWY_EXPORT(run_log_softmax);

KernelInfo info(const char* op) {
  KernelInfo info = simd_info(op, op, {Strides::dense_inner}, 0.5);
  info.accepts.rank_min = 1;
  info.accepts.attributes = {{"axis", std::int64_t{-1}}};
  return info;
}

}  // namespace

// Along the last axis.
std::vector<Kernel> softmax_simd() {
  return {
      {.info = info("softmax"), .run = PACELINE_BEST_TARGET(run_softmax)},
      {.info = info("log_softmax"), .run = PACELINE_BEST_TARGET(run_log_softmax)},
  };
}

}  // namespace paceline::kernels::cpu
#endif
