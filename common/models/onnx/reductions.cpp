#include <array>
#include <limits>

#include "common/base/error.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

struct Reduction {
  Value x;
  Axes axes;
  bool keep_dims;

  Value operator()(std::string_view op, const Value& of) const {
    return reduce(op, of, axes, keep_dims);
  }
};

Reduction reduction(Call& call) {
  const auto given = call.integers("axes", 1);
  const int rank = call.rank(0);
  Axes axes = axes_of(given.value_or(Axes()), rank);
  if (axes.empty() && call.integer("noop_with_empty_axes", 0) == 0) axes = all_axes(rank);
  return {call.in(0), axes, call.integer("keepdims", 1) != 0};
}

Terms reduce_sum(Call& call) {
  const Reduction of = reduction(call);
  return {of("reduce_sum", of.x)};
}

Terms reduce_mean(Call& call) {
  const Reduction of = reduction(call);
  return {mean(of.x, of.axes, of.keep_dims)};
}

Terms extreme(Call& call, std::string_view op) {
  const Reduction of = reduction(call);
  if (of.x.dtype() != Dtype::boolean) return {of(op, of.x)};
  return {of(op, of.x.cast(Dtype::u8)).cast(Dtype::boolean)};
}

Terms reduce_max(Call& call) { return extreme(call, "reduce_max"); }
Terms reduce_min(Call& call) { return extreme(call, "reduce_min"); }

Terms reduce_prod(Call& call) {
  const Reduction of = reduction(call);
  return {of("reduce_prod", of.x)};
}

Terms reduce_l1(Call& call) {
  const Reduction of = reduction(call);
  return {of("reduce_sum", apply("abs", of.x))};
}

// Integers are summed as they are and rooted in doubles.
Terms reduce_l2(Call& call) {
  const Reduction of = reduction(call);
  const Value sum = of("reduce_sum", square(of.x));
  if (is_float(sum.dtype())) return {apply("sqrt", sum)};
  return {apply("sqrt", sum.cast(Dtype::f64)).cast(sum.dtype())};
}

Terms reduce_log_sum(Call& call) {
  const Reduction of = reduction(call);
  return {apply("log", of("reduce_sum", of.x))};
}

Terms reduce_log_sum_exp(Call& call) {
  const Reduction of = reduction(call);
  if (of.axes.empty()) return {of.x};
  const Value largest = reduce("reduce_max", of.x, of.axes, true);
  // An infinite largest must not be subtracted from itself.
  const Value shift = select(
      apply("less", apply("abs", largest), like(largest, std::numeric_limits<double>::infinity())),
      largest, like(largest, 0));
  const Value sum =
      apply("log", reduce("reduce_sum", apply("exp", of.x - shift), of.axes, true)) + shift;
  return {of.keep_dims ? sum : drop_axes(sum, of.axes)};
}

Terms reduce_sum_square(Call& call) {
  const Reduction of = reduction(call);
  return {of("reduce_sum", square(of.x))};
}

Value reversed(const Value& x, int axis) {
  return x.slice(axis, x.dim(axis) - Dim(1), Dim(-1), -1);
}

// The last of equals is the first from the other end.
Terms arg_extreme(Call& call, std::string_view op) {
  const Value x = call.in(0);
  const int axis = axis_of(call.integer("axis", 0), x.rank());
  const bool keep_dims = call.integer("keepdims", 1) != 0;
  const bool is_last = call.integer("select_last_index", 0) != 0;
  const Value index = x.builder().op(op, {is_last ? reversed(x, axis) : x},
                                     {{"axis", std::int64_t{axis}}, {"keep_dims", keep_dims}});
  if (!is_last) return {index};
  return {value_of(x.builder(), x.dim(axis) - Dim(1)) - index};
}

Terms arg_max(Call& call) { return arg_extreme(call, "argmax"); }
Terms arg_min(Call& call) { return arg_extreme(call, "argmin"); }

Terms cumulative_sum(Call& call) {
  Value x = call.in(0);
  const int axis = axis_of(call.integer(1), x.rank());
  const bool is_reverse = call.integer("reverse", 0) != 0;
  if (is_reverse) x = reversed(x, axis);
  Value sum = x.builder().op("cumsum", {x}, {{"axis", std::int64_t{axis}}});
  if (call.integer("exclusive", 0) != 0) {
    Axes low(x.rank(), 0);
    low[axis] = 1;
    sum = pad(sum, low, Axes(x.rank(), 0), 0).slice(axis, Dim(0), x.dim(axis));
  }
  return {is_reverse ? reversed(sum, axis) : sum};
}

// The k smallest are the k largest of what is negated; integers are complemented, which cannot
// overflow.
Terms top_k(Call& call) {
  const Value x = call.in(0);
  const int axis = axis_of(call.integer("axis", -1), x.rank());
  const std::int64_t k = call.opset() < 10 ? call.integer("k") : call.integer(1);
  const bool is_largest = call.integer("largest", 1) != 0;
  const auto turned = [&](const Value& y) {
    if (is_float(y.dtype())) return -y;
    return y.dtype() == Dtype::u8 ? 255.0 - y : -1.0 - y;
  };
  auto found = x.builder().multi("top_k", {is_largest ? x : turned(x)},
                                 {{"k", k}, {"axis", std::int64_t{axis}}});
  return {is_largest ? found[0] : turned(found[0]), found[1]};
}

constexpr std::array table{
    Translator{"ArgMax", arg_max},
    Translator{"ArgMin", arg_min},
    Translator{"CumSum", cumulative_sum},
    Translator{"ReduceL1", reduce_l1},
    Translator{"ReduceL2", reduce_l2},
    Translator{"ReduceLogSum", reduce_log_sum},
    Translator{"ReduceLogSumExp", reduce_log_sum_exp},
    Translator{"ReduceMax", reduce_max},
    Translator{"ReduceMean", reduce_mean},
    Translator{"ReduceMin", reduce_min},
    Translator{"ReduceProd", reduce_prod},
    Translator{"ReduceSum", reduce_sum},
    Translator{"ReduceSumSquare", reduce_sum_square},
    Translator{"TopK", top_k},
};

}  // namespace

std::span<const Translator> reduction_translators() { return table; }

}  // namespace paceline::onnx
