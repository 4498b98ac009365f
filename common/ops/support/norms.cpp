#include "common/ops/support/norms.h"

#include <cmath>

namespace paceline::ops {

void RmsNorm::operator()(const double* x, const double* weight, std::int64_t width,
                         double* out) const {
  double squares = 0;
  for (std::int64_t i = 0; i < width; ++i) squares += x[i] * x[i];
  const double rms = std::sqrt(squares / static_cast<double>(width) + epsilon);
  for (std::int64_t i = 0; i < width; ++i) out[i] = x[i] / rms * (weight[i] + weight_offset);
}

void LayerNorm::operator()(const double* x, const double* weight, const double* bias,
                           std::int64_t width, double* out) const {
  const auto count = static_cast<double>(width);
  double mean = 0;
  for (std::int64_t i = 0; i < width; ++i) mean += x[i] / count;
  double variance = 0;
  for (std::int64_t i = 0; i < width; ++i) variance += (x[i] - mean) * (x[i] - mean) / count;
  const double deviation = std::sqrt(variance + epsilon);
  for (std::int64_t i = 0; i < width; ++i) out[i] = (x[i] - mean) / deviation * weight[i] + bias[i];
}

}  // namespace paceline::ops
