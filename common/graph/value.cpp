#include <numeric>
#include <utility>

#include "common/base/error.h"
#include "common/graph/graph.h"

namespace paceline {

namespace {

int positive_axis(int axis, int rank) {
  const int positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank) throw invalid("axis {} of a tensor of rank {}", axis, rank);
  return positive;
}

Value elementwise(std::string_view op, const Value& a, const Value& b) {
  if (a.dtype() != b.dtype()) {
    throw invalid("{} needs equal dtypes; cast one: {} and {}", op, a.type().to_string(),
                  b.type().to_string());
  }
  const Shape shape = broadcast_shape(a.shape(), b.shape());
  return a.builder().op(op, {a.broadcast(shape), b.broadcast(shape)});
}

Value like(const Value& value, double number) {
  return value.builder().scalar(number, value.dtype());
}

}  // namespace

const TensorType& Value::type() const { return builder_->type(ref_); }

const Dim& Value::dim(int axis) const { return shape()[positive_axis(axis, rank())]; }

Value Value::reshape(Shape shape) const {
  return builder_->op("reshape", {*this}, {{"shape", std::move(shape)}});
}

Value Value::permute(std::vector<std::int64_t> order) const {
  return builder_->op("permute", {*this}, {{"order", std::move(order)}});
}

Value Value::transpose(int axis_a, int axis_b) const {
  std::vector<std::int64_t> order(rank());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[positive_axis(axis_a, rank())], order[positive_axis(axis_b, rank())]);
  return permute(std::move(order));
}

Value Value::broadcast(Shape target) const {
  if (target == shape()) return *this;
  return builder_->op("broadcast", {*this}, {{"shape", std::move(target)}});
}

Value Value::cast(Dtype target) const {
  if (target == dtype()) return *this;
  return builder_->op("cast", {*this}, {{"dtype", target}});
}

Value Value::slice(int axis, Dim start, Dim stop, std::int64_t step) const {
  return builder_->op("slice", {*this},
                      {{"axis", std::int64_t{axis}},
                       {"start", std::move(start)},
                       {"stop", std::move(stop)},
                       {"step", step}});
}

Value operator+(const Value& a, const Value& b) { return elementwise("add", a, b); }
Value operator-(const Value& a, const Value& b) { return elementwise("sub", a, b); }
Value operator*(const Value& a, const Value& b) { return elementwise("mul", a, b); }
Value operator/(const Value& a, const Value& b) { return elementwise("div", a, b); }
Value operator+(const Value& a, double b) { return a + like(a, b); }
Value operator-(const Value& a, double b) { return a - like(a, b); }
Value operator*(const Value& a, double b) { return a * like(a, b); }
Value operator/(const Value& a, double b) { return a / like(a, b); }
Value operator+(double a, const Value& b) { return like(b, a) + b; }
Value operator-(double a, const Value& b) { return like(b, a) - b; }
Value operator*(double a, const Value& b) { return like(b, a) * b; }
Value operator/(double a, const Value& b) { return like(b, a) / b; }
Value Value::operator-() const { return builder_->op("neg", {*this}); }

Value matmul(const Value& a, const Value& b, bool transpose_a, bool transpose_b) {
  return a.builder().op("matmul", {a, b},
                        {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

}  // namespace paceline
