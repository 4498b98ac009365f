#pragma once

#include <cstdint>

// Rows normalised in double: what `rms_norm` and `layer_norm` are and what ops around them end
// with. `out` may be `x`.
namespace paceline::ops {

struct RmsNorm {
  double epsilon;
  double weight_offset;

  void operator()(const double* x, const double* weight, std::int64_t width, double* out) const;
};

struct LayerNorm {
  double epsilon;

  void operator()(const double* x, const double* weight, const double* bias, std::int64_t width,
                  double* out) const;
};

}  // namespace paceline::ops
