#pragma once

#include <cmath>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/lanes.h"
#include "kernels/cpu/support/plain.h"

// The norms, row by row, sums in double. `out` may be `x`.
namespace paceline::kernels::cpu {

struct RmsNorm : Prepared {
  explicit RmsNorm(const Attributes& attributes)
      : epsilon(attributes.get<double>("epsilon")),
        weight_offset(attributes.get<double>("weight_offset")) {}
  double epsilon;
  double weight_offset;
};

struct LayerNorm : Prepared {
  explicit LayerNorm(const Attributes& attributes) : epsilon(attributes.get<double>("epsilon")) {}
  double epsilon;
};

template <typename T>
Lane<const T> lane_of(const TensorView& vector) {
  return {vector.as<const T>(), vector.strides[0], vector.extents[0]};
}

template <typename T>
void normalise(const RmsNorm& norm, const Lane<const T>& x, const Lane<const T>& weight,
               const Lane<T>& out) {
  double squares = 0;
  for (std::int64_t i = 0; i < x.count; ++i) {
    const auto element = static_cast<double>(x[i]);
    squares += element * element;
  }
  const double mean = squares / static_cast<double>(x.count);
  const auto scale = static_cast<Compute<T>>(1 / std::sqrt(mean + norm.epsilon));
  const auto offset = static_cast<Compute<T>>(norm.weight_offset);
  for (std::int64_t i = 0; i < x.count; ++i) {
    out[i] = static_cast<T>(widen(x[i]) * scale * (widen(weight[i]) + offset));
  }
}

template <typename T>
double mean_of(const Lane<const T>& x) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.count; ++i) sum += static_cast<double>(x[i]);
  return sum / static_cast<double>(x.count);
}

// The mean is known before squares are summed, so nothing cancels.
template <typename T>
double variance_of(const Lane<const T>& x, double mean) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.count; ++i) {
    const double distance = static_cast<double>(x[i]) - mean;
    sum += distance * distance;
  }
  return sum / static_cast<double>(x.count);
}

template <typename T>
void normalise(const LayerNorm& norm, const Lane<const T>& x, const Lane<const T>& weight,
               const Lane<const T>& bias, const Lane<T>& out) {
  const double mean = mean_of(x);
  const double scale = 1 / std::sqrt(variance_of(x, mean) + norm.epsilon);
  for (std::int64_t i = 0; i < x.count; ++i) {
    const double normal = (static_cast<double>(x[i]) - mean) * scale;
    out[i] = static_cast<T>(normal * static_cast<double>(weight[i]) + static_cast<double>(bias[i]));
  }
}

// Rows of input 0 plus rows of input 1 into output 0, rounded; then normalise(sum, row of output
// 1). An output may lie where an input does.
template <typename T, typename Normalise>
void add_then(const Call& call, const Normalise& normalise_row) {
  const TensorView &x = call.inputs[0], &residual = call.inputs[1], &sum = call.outputs[0],
                   &normed = call.outputs[1];
  const int last = x.rank - 1;
  const std::int64_t count = x.extents[last];
  for_each_element(
      std::array{without_axis(x, last), without_axis(residual, last), without_axis(sum, last),
                 without_axis(normed, last)},
      [&](const auto& at) {
        const Lane<const T> a{reinterpret_cast<const T*>(at[0]), x.strides[last], count};
        const Lane<const T> b{reinterpret_cast<const T*>(at[1]), residual.strides[last], count};
        T* total = reinterpret_cast<T*>(at[2]);
        for (std::int64_t i = 0; i < count; ++i) {
          total[i] = static_cast<T>(widen(a[i]) + widen(b[i]));
        }
        normalise_row(Lane<const T>{total, 1, count},
                      Lane<T>{reinterpret_cast<T*>(at[3]), 1, count});
      });
}

}  // namespace paceline::kernels::cpu
