#include "tests/support/rewritable_pool.h"

#include <fmt/format.h>

#include <limits>

namespace paceline::test {

Pool::Pool(const OpSet& ops, std::uint64_t seed)
    : builder(ops, fmt::format("rewritable {}", seed)), random_(seed) {
  dtype = chance(0.7) ? Dtype::f64 : Dtype::f32;
  batch = chance(0.5) ? Dim::symbol("B") : Dim(2);
  rows = chance(0.5) ? Dim::symbol("N") : Dim(3);
}

Value Pool::input(const Shape& shape) {
  floats_.push_back(builder.input(fmt::format("x{}", leaves_++), {dtype, shape}));
  return floats_.back();
}

Value Pool::weight(const Shape& shape) {
  floats_.push_back(builder.weight(fmt::format("w{}", leaves_++), {dtype, shape}));
  return floats_.back();
}

Value Pool::value(const Shape& shape) {
  std::vector<Value> fitting;
  for (const Value& value : floats_) {
    if (value.shape() == shape) fitting.push_back(value);
  }
  if (!fitting.empty() && chance(0.7)) return one_of(fitting);
  const bool is_fixed = symbols_of(shape).empty();
  return is_fixed && chance(0.6) ? weight(shape) : input(shape);
}

Value Pool::any() {
  const std::vector<Shape> shapes = {{6}, {rows, 6}, {6, 4}, {batch, rows, 4}, {batch, 2, rows, 4}};
  if (floats_.empty() || chance(0.3)) return value(one_of(shapes));
  const Value& value = one_of(floats_);
  return value.rank() >= 1 && value.rank() <= 4 ? value : input({rows, 6});
}

Value Pool::number(double number, const Value& like) {
  return builder.scalar(number, like.dtype()).broadcast(like.shape());
}

Value Pool::about(double right, const Value& like) {
  return number(is_off() ? right * (chance(0.5) ? 1.01 : -1) : right, like);
}

Value Pool::special(const Value& like) {
  const double infinity = std::numeric_limits<double>::infinity();
  return number(one_of<double>({0, 0, 1, 1, -1, 2, 3, 0.5, -0.5, infinity, -infinity}), like);
}

Value Pool::op(std::string_view name, std::vector<Value> inputs, Attributes attributes) {
  return builder.op(name, std::move(inputs), std::move(attributes));
}

Value Pool::reduce(std::string_view name, const Value& x, std::int64_t axis, bool keep_dims) {
  return op(name, {x}, {{"axes", std::vector<std::int64_t>{axis}}, {"keep_dims", keep_dims}});
}

Value Pool::mean(const Value& x) {
  const double extent = static_cast<double>(x.dim(-1).constant().value());
  const Value sum = reduce("reduce_sum", x, -1);
  return chance(0.5) ? sum / about(extent, sum) : sum * about(1 / extent, sum);
}

void Pool::keep(const Value& value) {
  kept_.push_back(value);
  if (value.dtype() == dtype) floats_.push_back(value);
}

Graph Pool::finish() {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    builder.output(fmt::format("out{}", i), kept_[i]);
  }
  return builder.finish();
}

}  // namespace paceline::test
