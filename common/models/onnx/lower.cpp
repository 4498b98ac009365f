#include "common/models/onnx/lower.h"

#include <algorithm>
#include <numeric>

#include <fmt/ranges.h>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

constexpr std::int64_t extent_max = std::int64_t{1}
                                    << 40;  // Products with strides stay in 64 bits.

}  // namespace

Value apply(std::string_view op, const Value& x) { return x.builder().op(op, {x}); }

Value apply(std::string_view op, const Value& a, const Value& b) {
  const Shape shape = broadcast_shape(a.shape(), b.shape());
  return a.builder().op(op, {a.broadcast(shape), b.broadcast(shape)});
}

Value apply(std::string_view op, const Value& a, double b) { return apply(op, a, like(a, b)); }

Value maximum(const Value& a, const Value& b) { return apply("maximum", a, b); }
Value minimum(const Value& a, const Value& b) { return apply("minimum", a, b); }

Value select(const Value& condition, const Value& yes, const Value& no) {
  const Shape shape = broadcast_shape(condition.shape(), broadcast_shape(yes.shape(), no.shape()));
  return condition.builder().op(
      "where", {condition.broadcast(shape), yes.broadcast(shape), no.broadcast(shape)});
}

Value like(const Value& x, double number) { return x.builder().scalar(number, x.dtype()); }

Value square(const Value& x) { return x * x; }

int axis_of(std::int64_t axis, int rank) {
  const std::int64_t positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank) throw invalid("axis {} of a tensor of rank {}", axis, rank);
  return static_cast<int>(positive);
}

Axes axes_of(const Axes& axes, int rank) {
  Axes positive;
  for (const std::int64_t axis : axes) positive.push_back(axis_of(axis, rank));
  std::sort(positive.begin(), positive.end());
  if (std::adjacent_find(positive.begin(), positive.end()) != positive.end()) {
    throw invalid("an axis is named twice: [{}]", fmt::join(axes, ","));
  }
  return positive;
}

Axes all_axes(int rank) { return identity_order(rank); }

std::vector<std::int64_t> identity_order(int rank) {
  std::vector<std::int64_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Value reduce(std::string_view op, const Value& x, const Axes& axes, bool keep_dims) {
  if (axes.empty()) return x;
  return x.builder().op(op, {x}, {{"axes", axes}, {"keep_dims", keep_dims}});
}

Value mean(const Value& x, const Axes& axes, bool keep_dims) {
  const Dim count = count_over(x.shape(), axes);
  const Value sum = reduce("reduce_sum", x, axes, keep_dims);
  if (const auto number = count.constant()) {
    return is_float(x.dtype()) ? sum * (1.0 / static_cast<double>(*number))
                               : sum / like(sum, static_cast<double>(*number));
  }
  return sum / value_of(x.builder(), count, x.dtype());
}

Dim count_over(const Shape& shape, const Axes& axes) {
  Dim count = 1;
  for (const std::int64_t axis : axes) count *= shape[axis];
  return count;
}

Value concat(std::vector<Value> parts, int axis) {
  if (parts.empty()) throw invalid("nothing to join");
  if (parts.size() == 1) return parts.front();
  GraphBuilder& builder = parts.front().builder();
  return builder.op("concat", std::move(parts), {{"axis", std::int64_t{axis}}});
}

Value pad(const Value& x, const Axes& low, const Axes& high, double value) {
  const auto is_zero = [](std::int64_t n) { return n == 0; };
  if (std::all_of(low.begin(), low.end(), is_zero) &&
      std::all_of(high.begin(), high.end(), is_zero)) {
    return x;
  }
  return x.builder().op("pad", {x}, {{"low", low}, {"high", high}, {"value", value}});
}

Value insert_axes(const Value& x, const Axes& axes) {
  const Axes sorted = axes_of(axes, x.rank() + static_cast<int>(axes.size()));
  Shape shape = x.shape();
  for (const std::int64_t axis : sorted) shape.insert(shape.begin() + axis, Dim(1));
  return x.reshape(std::move(shape));
}

Value drop_axes(const Value& x, const Axes& axes) {
  Shape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) shape.push_back(x.dim(axis));
  }
  return x.reshape(std::move(shape));
}

Value copy_of(const Value& x) { return x.builder().op("copy", {x}); }

Value counting(GraphBuilder& builder, const Dim& extent, Dtype dtype) {
  const bool is_counted = dtype == Dtype::i64 || dtype == Dtype::i32;
  const Value count = builder.op(
      "iota", {},
      {{"start", Dim(0)}, {"extent", extent}, {"dtype", is_counted ? dtype : Dtype::i64}});
  return count.cast(dtype);
}

Value as_channels(const Value& vector, int rank) {
  Shape shape(rank, Dim(1));
  shape.at(1) = vector.dim(0);
  return vector.reshape(std::move(shape));
}

Value flatten(const Value& x, int axis) {
  const Shape& shape = x.shape();
  return x.reshape({element_count(Shape(shape.begin(), shape.begin() + axis)),
                    element_count(Shape(shape.begin() + axis, shape.end()))});
}

Value wrapped(const Value& indices, const Dim& extent) {
  const Value end = value_of(indices.builder(), extent, indices.dtype());
  return select(apply("less", indices, 0), indices + end, indices);
}

Value indices_of(const Call& call, std::size_t i, const Dim& extent) {
  const Known* known = call.term(i).known();
  if (known == nullptr || !known->numbers || known->element_count() > 1 << 20) {
    return wrapped(call.in(i), extent);
  }
  bool is_any_negative = false;
  std::vector<Dim> dims;
  for (std::int64_t k = 0; k < known->element_count(); ++k) {
    Dim index = known->dim(k);
    if (*index.constant() < 0) {
      index = index + extent;
      is_any_negative = true;
    }
    dims.push_back(std::move(index));
  }
  if (!is_any_negative) return call.in(i);
  const Known positive = Known::of(known->dtype, known->extents, std::move(dims));
  return positive.numbers ? call.value(Term(positive)) : wrapped(call.in(i), extent);
}

std::int64_t fixed(const Dim& extent, std::string_view what) {
  if (const auto number = extent.constant()) {
    if (*number > extent_max) throw invalid("{} has an extent of {}", what, *number);
    return *number;
  }
  throw unsupported("{} must have extents without symbols: {}", what, extent.to_string());
}

std::vector<std::int64_t> fixed(const Shape& shape, std::string_view what) {
  std::vector<std::int64_t> extents;
  for (const Dim& dim : shape) extents.push_back(fixed(dim, what));
  return extents;
}

namespace {

Shape with_batch(const Shape& batch, const Value& x) {
  Shape shape = batch;
  shape.push_back(x.dim(-2));
  shape.push_back(x.dim(-1));
  return shape;
}

Shape batch_of(const Value& x) { return {x.shape().begin(), x.shape().end() - 2}; }

}  // namespace

Value product(const Value& a, const Value& b) {
  if (a.rank() == 0 || b.rank() == 0) throw invalid("a matrix product of scalars");
  const bool is_row = a.rank() == 1;
  const bool is_column = b.rank() == 1;
  const Value left = is_row ? insert_axes(a, {0}) : a;
  const Value right = is_column ? insert_axes(b, {1}) : b;
  Value result;
  if (right.rank() == 2) {
    result = matmul(left, right);
  } else {
    const Shape batch = broadcast_shape(batch_of(left), batch_of(right));
    result =
        matmul(left.broadcast(with_batch(batch, left)), right.broadcast(with_batch(batch, right)));
  }
  Axes dropped;
  if (is_row) dropped.push_back(result.rank() - 2);
  if (is_column) dropped.push_back(result.rank() - 1);
  return dropped.empty() ? result : drop_axes(result, dropped);
}

}  // namespace paceline::onnx
