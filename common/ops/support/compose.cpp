#include "common/ops/support/compose.h"

#include "common/ops/support/infer.h"

namespace paceline::ops {

Value apply(std::string_view op, const Value& x) { return x.builder().op(op, {x}); }

Value reduce(std::string_view op, const Value& x, std::int64_t axis) {
  return x.builder().op(op, {x}, {{"axes", Integers{axis}}, {"keep_dims", true}});
}

Value mean_of_last(const Value& x) {
  return reduce("reduce_sum", x, -1) / static_cast<double>(fixed_last_extent(x.type()));
}

Value combine(std::string_view op, const Value& a, const Value& b) {
  const Shape shape = broadcast_shape(a.shape(), b.shape());
  return a.builder().op(op, {a.broadcast(shape), b.broadcast(shape)});
}

Value keep_where(const Value& condition, const Value& x, double otherwise) {
  const Value filler = x.builder().scalar(otherwise, x.dtype());
  return x.builder().op("where", {condition.broadcast(x.shape()), x, filler.broadcast(x.shape())});
}

}  // namespace paceline::ops
