#include <algorithm>
#include <cmath>
#include <limits>

#include "scheduler/rules/arguments.h"
#include "scheduler/rules/sight.h"
#include "scheduler/rules/weights.h"

namespace paceline::rules {

namespace {

using Result = std::optional<Attribute>;

bool is_finite(const Call& call) { return call.splat(0) && std::isfinite(*call.splat(0)); }

bool is_invertible(const Call& call) { return is_finite(call) && *call.splat(0) != 0; }

double rounded(double value, Dtype dtype) {
  return Tensor::of<double>({}, {value}).cast(dtype).to_doubles()[0];
}

// Its inverse is exact too, so that dividing by it is multiplying by the inverse.
bool is_power_of_two(const Call& call) {
  if (!is_invertible(call)) return false;
  int exponent = 0;
  const double inverse = 1 / *call.splat(0);
  return std::isfinite(inverse) && std::abs(std::frexp(*call.splat(0), &exponent)) == 0.5 &&
         rounded(inverse, call.type(0).dtype) == inverse;
}

// How many elements lie along axes; nullopt where symbols say so.
std::optional<double> count_along(const Shape& shape, const Integers& axes) {
  double count = 1;
  for (const std::int64_t axis : axes) {
    const auto place = place_of(axis, static_cast<int>(shape.size()));
    const auto extent = place ? shape[*place].constant() : std::nullopt;
    if (!extent) return std::nullopt;
    count *= static_cast<double>(*extent);
  }
  return count;
}

bool counts(const Call& call, const Integers& axes) {
  const auto count = count_along(call.shape_of(1), axes);
  return count && is_finite(call) && call.splat(0) == rounded(*count, call.type(0).dtype);
}

bool is_reciprocal_of_last(const Call& call) {
  const auto count = count_along(call.shape_of(1), {-1});
  return count && *count > 0 && call.splat(0) == rounded(1 / *count, call.type(0).dtype);
}

// Floats by their bits of significand and exponent, integers by theirs.
struct Range {
  int digits;
  int exponent_max;
  int exponent_min;
};

Range range_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return {53, 1023, -1074};
    case Dtype::f32:
      return {24, 127, -149};
    case Dtype::bf16:
      return {8, 127, -133};
    case Dtype::f16:
      return {11, 15, -24};
    case Dtype::i64:
      return {63, 63, 0};
    case Dtype::i32:
      return {31, 31, 0};
    case Dtype::u8:
      return {8, 8, 0};
    case Dtype::i8:
      return {7, 7, 0};
    case Dtype::boolean:
      break;
  }
  return {1, 1, 0};
}

// Every value of one dtype is one of the other, and comes back from there.
bool holds_all(Dtype wide, Dtype narrow) {
  if (wide == narrow) return true;
  if (wide == Dtype::boolean || (is_integer(wide) && is_float(narrow))) return false;
  if (wide == Dtype::u8 && narrow == Dtype::i8) return false;
  const Range outer = range_of(wide), inner = range_of(narrow);
  return outer.digits >= inner.digits && outer.exponent_max >= inner.exponent_max &&
         outer.exponent_min <= inner.exponent_min;
}

// A cast of x to the first dtype changes nothing that a cast to the second would see. Floats to
// integers saturate where integers to integers wrap around, so an integer's way there through a
// float counts only when it stays in range.
bool keeps_values(Dtype own, Dtype first, Dtype second) {
  if (!holds_all(first, own)) return false;
  const bool saturates = is_integer(own) && is_float(first) && is_integer(second);
  return !saturates || holds_all(second, own);
}

// Numbers so low that beside any score nothing is left of the key.
constexpr double low = -1e4;
// So low that no score changes them.
constexpr double lowest = -1e30;

// Filling with the number hides keys as adding it does: rows of nothing else stay alike.
bool hides(const Call& call) {
  const auto value = call.splat(0);
  if (!value || !(*value <= low)) return false;
  return *value <= lowest || sees_some_key(call.graph(), call.id(1));
}

bool has_node(const egraph::EGraph& graph, egraph::ClassId id, std::string_view op) {
  return std::ranges::any_of(graph.nodes_of(id),
                             [&](egraph::NodeId node) { return graph.operator_of(node).is(op); });
}

// The shift by which a softmax keeps its powers small.
bool has_largest_taken_off(const Call& call) {
  const egraph::EGraph& graph = call.graph();
  return std::ranges::any_of(graph.nodes_of(call.id(0)), [&](egraph::NodeId node) {
    if (!graph.operator_of(node).is("sub")) return false;
    return std::ranges::any_of(
        graph.nodes_of(graph.node(node).children[1]), [&](egraph::NodeId spread) {
          return graph.operator_of(spread).is("broadcast") &&
                 has_node(graph, graph.node(spread).children[0], "reduce_max");
        });
  });
}

Result value(const Call& call) { return call.splat(0) ? Result(*call.splat(0)) : std::nullopt; }

}  // namespace

egraph::Functions value_functions() {
  FunctionTable table;
  const auto condition = [&](const char* name, bool (*holds)(const Call&)) {
    table.add(name, holds);
  };
  const auto function = [&](const char* name, Result (*compute)(const Call&)) {
    table.add(name, compute);
  };

  condition("is_float", [](const Call& c) { return is_float(c.type(0).dtype); });
  condition("is_integer", [](const Call& c) { return is_integer(c.type(0).dtype); });
  condition("is_boolean", [](const Call& c) { return c.type(0).dtype == Dtype::boolean; });
  condition("is_signed", [](const Call& c) {
    return c.type(0).dtype != Dtype::boolean && c.type(0).dtype != Dtype::u8;
  });
  condition("is_float_dtype", [](const Call& c) { return is_float(c.dtype(0)); });
  condition("has_dtype", [](const Call& c) { return c.type(0).dtype == c.dtype(1); });
  condition("keeps_values",
            [](const Call& c) { return keeps_values(c.type(0).dtype, c.dtype(1), c.dtype(2)); });
  condition("is_static", [](const Call& c) { return c.graph().facts(c.id(0)).is_static; });
  condition("is_bound", [](const Call& c) { return is_bound(c.graph(), c.id(0)); });
  condition("is_product", [](const Call& c) {
    return has_node(c.graph(), c.id(0), "mul") || has_node(c.graph(), c.id(0), "div");
  });
  condition("has_largest_taken_off", has_largest_taken_off);
  condition("is_constant", [](const Call& c) { return c.splat(0).has_value(); });
  condition("is_finite", is_finite);
  condition("is_moderate",
            [](const Call& c) { return is_finite(c) && std::abs(*c.splat(0)) <= 64; });
  condition("is_invertible", is_invertible);
  condition("is_positive", [](const Call& c) { return is_finite(c) && *c.splat(0) > 0; });
  condition("is_power_of_two", is_power_of_two);
  condition("is_zero", [](const Call& c) { return c.real(0) == 0; });
  condition("counts_last", [](const Call& c) { return counts(c, {-1}); });
  condition("counts_along", [](const Call& c) { return counts(c, c.integers(2)); });
  condition("is_reciprocal_of_last", is_reciprocal_of_last);
  condition("hides", hides);
  condition("is_minus_infinity",
            [](const Call& c) { return c.splat(0) == -std::numeric_limits<double>::infinity(); });

  function("value", value);
  function("dtype", [](const Call& c) -> Result { return c.type(0).dtype; });
  function("reciprocal", [](const Call& c) -> Result {
    return is_invertible(c) && std::isfinite(1 / *c.splat(0)) ? Result(1 / *c.splat(0))
                                                              : std::nullopt;
  });
  function("times", [](const Call& c) -> Result { return c.real(0) * c.real(1); });
  function("over", [](const Call& c) -> Result {
    const double quotient = c.real(0) / c.real(1);
    return std::isfinite(quotient) ? Result(quotient) : std::nullopt;
  });
  return table.take();
}

}  // namespace paceline::rules
