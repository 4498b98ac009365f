#pragma once

#include <optional>

#include "common/models/onnx/lower.h"

// Norms over the axes from `axis` on, which the standard's own ops and ONNX Runtime's share.
namespace paceline::onnx {

struct Moments {
  Value mean;               // With axes of extent 1 where it was taken.
  Value inverse_deviation;  // 1 / sqrt(variance + epsilon)
};

Moments moments_of(const Value& x, int axis, double epsilon);

// `scale` and `bias` are broadcast to these axes.
Value layer_norm(const Value& x, const Value& scale, const std::optional<Value>& bias, int axis,
                 double epsilon);
Value rms_norm(const Value& x, const Value& scale, int axis, double epsilon);

}  // namespace paceline::onnx
