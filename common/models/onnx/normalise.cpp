#include "common/models/onnx/normalise.h"

namespace paceline::onnx {

namespace {

Axes from(const Value& x, int axis) {
  Axes axes;
  for (int i = axis; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}

Shape trailing(const Value& x, int axis) { return {x.shape().begin() + axis, x.shape().end()}; }

// The registry's norms are over one last axis of an extent that is fixed.
bool is_direct(const Value& x, int axis) { return element_count(trailing(x, axis)).is_constant(); }

Value as_one_axis(const Value& x, int axis) {
  if (axis == x.rank() - 1) return x;
  Shape shape(x.shape().begin(), x.shape().begin() + axis);
  shape.push_back(element_count(trailing(x, axis)));
  return x.reshape(shape);
}

Value as_factors(const Value& factors, const Value& x, int axis) {
  const Shape shape = trailing(x, axis);
  const Value whole = factors.broadcast(shape);
  return shape.size() == 1 ? whole : whole.reshape({element_count(shape)});
}

}  // namespace

Moments moments_of(const Value& x, int axis, double epsilon) {
  const Value average = mean(x, from(x, axis), true);
  const Value variance = mean(square(x - average), from(x, axis), true);
  return {average, apply("rsqrt", variance + epsilon)};
}

Value layer_norm(const Value& x, const Value& scale, const std::optional<Value>& bias, int axis,
                 double epsilon) {
  if (!is_direct(x, axis)) {
    const Moments moments = moments_of(x, axis, epsilon);
    const Value y = (x - moments.mean) * moments.inverse_deviation * scale;
    return bias ? y + *bias : y;
  }
  const Value factors = as_factors(scale, x, axis);
  const Value shift = bias ? as_factors(*bias, x, axis) : like(x, 0).broadcast(factors.shape());
  const Value y =
      x.builder().op("layer_norm", {as_one_axis(x, axis), factors, shift}, {{"epsilon", epsilon}});
  return axis == x.rank() - 1 ? y : y.reshape(x.shape());
}

Value rms_norm(const Value& x, const Value& scale, int axis, double epsilon) {
  if (!is_direct(x, axis)) {
    return x * apply("rsqrt", mean(square(x), from(x, axis), true) + epsilon) * scale;
  }
  const Value y = x.builder().op("rms_norm", {as_one_axis(x, axis), as_factors(scale, x, axis)},
                                 {{"epsilon", epsilon}});
  return axis == x.rank() - 1 ? y : y.reshape(x.shape());
}

}  // namespace paceline::onnx
