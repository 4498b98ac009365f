#include <array>

#include "common/base/error.h"
#include "common/models/onnx/elements.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

// An op of the registry that means what the standard's does.
template <const char* op>
Terms unary(Call& call) {
  return {apply(op, call.in(0))};
}

// Before opset 7 the second operand's axes met those of the first from `axis` on.
Value second_operand(Call& call) {
  const Value b = call.in(1);
  if (call.opset() >= 7 || !call.has_attribute("axis")) return b;
  const int after = call.rank(0) - axis_of(call.integer("axis"), call.rank(0)) - b.rank();
  Axes axes;
  for (int i = 0; i < after; ++i) axes.push_back(b.rank() + i);
  return insert_axes(b, axes);
}

template <const char* op>
Terms binary(Call& call) {
  return {apply(op, call.in(0), second_operand(call))};
}

// Any number of operands, from the left.
template <const char* op>
Terms folded(Call& call) {
  Value result = call.in(0);
  for (std::size_t i = 1; i < call.input_count(); ++i) result = apply(op, result, call.in(i));
  return {result};
}

constexpr char abs_op[] = "abs", acos_op[] = "acos", acosh_op[] = "acosh", add_op[] = "add",
               asin_op[] = "asin", asinh_op[] = "asinh", atan_op[] = "atan", atanh_op[] = "atanh",
               ceil_op[] = "ceil", cos_op[] = "cos", cosh_op[] = "cosh", div_op[] = "div",
               equal_op[] = "equal", erf_op[] = "erf", exp_op[] = "exp", floor_op[] = "floor",
               greater_op[] = "greater", greater_equal_op[] = "greater_equal", less_op[] = "less",
               less_equal_op[] = "less_equal", log_op[] = "log", and_op[] = "logical_and",
               not_op[] = "logical_not", or_op[] = "logical_or", xor_op[] = "logical_xor",
               maximum_op[] = "maximum", minimum_op[] = "minimum", mul_op[] = "mul",
               neg_op[] = "neg", round_op[] = "round", sign_op[] = "sign", sin_op[] = "sin",
               sinh_op[] = "sinh", sqrt_op[] = "sqrt", sub_op[] = "sub", tan_op[] = "tan",
               tanh_op[] = "tanh", is_nan_op[] = "is_nan", bitwise_and_op[] = "bitwise_and",
               bitwise_or_op[] = "bitwise_or", bitwise_xor_op[] = "bitwise_xor",
               bitwise_not_op[] = "bitwise_not";

Terms reciprocal(Call& call) { return {1.0 / call.in(0)}; }

Terms identity(Call& call) { return {call.term(0)}; }

// The exponent may be of another type; integers are raised in doubles, which hold 53 bits.
Terms power(Call& call) {
  const Value base = call.in(0);
  const Known* exponent = call.term(1).known();
  const Dtype dtype = base.dtype();
  if (exponent != nullptr && exponent->numbers && exponent->element_count() == 1 &&
      is_float(dtype)) {
    const double number = exponent->numbers->to_doubles().front();
    const Value scalar = like(base, number);
    const Shape shape = broadcast_shape(base.shape(), call.shape(1));
    return {apply("pow", base.broadcast(shape), scalar)};
  }
  if (is_float(dtype)) return {apply("pow", base, call.in(1).cast(dtype))};
  return {apply("pow", base.cast(Dtype::f64), call.in(1).cast(Dtype::f64)).cast(dtype)};
}

Terms average(Call& call) {
  const Value sum = call.value(folded<add_op>(call).front());
  return {call.input_count() == 1 ? sum : sum * (1.0 / static_cast<double>(call.input_count()))};
}

Terms modulo(Call& call) {
  const bool truncates = call.integer("fmod", 0) != 0;
  if (!truncates && is_float(call.dtype(0))) throw invalid("Mod of floats needs fmod=1");
  return {apply(truncates ? "fmod" : "mod", call.in(0), call.in(1))};
}

Terms bit_shift(Call& call) {
  const std::string direction = call.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") {
    throw invalid("direction must be LEFT or RIGHT: \"{}\"", direction);
  }
  return {apply(direction == "LEFT" ? "shift_left" : "shift_right", call.in(0), call.in(1))};
}

Terms is_infinite(Call& call) {
  const Value x = call.in(0);
  const bool finds_plus = call.integer("detect_positive", 1) != 0;
  const bool finds_minus = call.integer("detect_negative", 1) != 0;
  const Value is_any = apply("is_inf", x);
  if (finds_plus && finds_minus) return {is_any};
  if (!finds_plus && !finds_minus) return {apply("not_equal", like(x, 0), 0).broadcast(x.shape())};
  return {apply("logical_and", is_any, apply(finds_plus ? "greater" : "less", x, 0))};
}

Terms where(Call& call) { return {select(call.in(0), call.in(1), call.in(2))}; }

Terms cast(Call& call) {
  const std::int64_t to = call.integer("to");
  return {call.in(0).cast(require_dtype(to, "Cast's target"))};
}

Terms cast_like(Call& call) { return {call.in(0).cast(call.dtype(1))}; }

// Bounds are attributes up to opset 10 and operands later.
Terms clip(Call& call) {
  Value x = call.in(0);
  const bool as_attributes = call.opset() < 11;
  if (as_attributes) {
    if (call.has_attribute("min")) x = maximum(x, like(x, call.real("min", 0)));
    if (call.has_attribute("max")) x = minimum(x, like(x, call.real("max", 0)));
    return {x};
  }
  if (call.has(1)) x = maximum(x, call.in(1));
  if (call.has(2)) x = minimum(x, call.in(2));
  return {x};
}

constexpr std::array table{
    Translator{"Abs", unary<abs_op>},
    Translator{"Acos", unary<acos_op>},
    Translator{"Acosh", unary<acosh_op>},
    Translator{"Add", binary<add_op>},
    Translator{"And", binary<and_op>},
    Translator{"Asin", unary<asin_op>},
    Translator{"Asinh", unary<asinh_op>},
    Translator{"Atan", unary<atan_op>},
    Translator{"Atanh", unary<atanh_op>},
    Translator{"BitShift", bit_shift},
    Translator{"BitwiseAnd", binary<bitwise_and_op>},
    Translator{"BitwiseNot", unary<bitwise_not_op>},
    Translator{"BitwiseOr", binary<bitwise_or_op>},
    Translator{"BitwiseXor", binary<bitwise_xor_op>},
    Translator{"Cast", cast},
    Translator{"CastLike", cast_like},
    Translator{"Ceil", unary<ceil_op>},
    Translator{"Clip", clip},
    Translator{"Cos", unary<cos_op>},
    Translator{"Cosh", unary<cosh_op>},
    Translator{"Div", binary<div_op>},
    Translator{"Equal", binary<equal_op>},
    Translator{"Erf", unary<erf_op>},
    Translator{"Exp", unary<exp_op>},
    Translator{"Floor", unary<floor_op>},
    Translator{"Greater", binary<greater_op>},
    Translator{"GreaterOrEqual", binary<greater_equal_op>},
    Translator{"Identity", identity},
    Translator{"IsInf", is_infinite},
    Translator{"IsNaN", unary<is_nan_op>},
    Translator{"Less", binary<less_op>},
    Translator{"LessOrEqual", binary<less_equal_op>},
    Translator{"Log", unary<log_op>},
    Translator{"Max", folded<maximum_op>},
    Translator{"Mean", average},
    Translator{"Min", folded<minimum_op>},
    Translator{"Mod", modulo},
    Translator{"Mul", binary<mul_op>},
    Translator{"Neg", unary<neg_op>},
    Translator{"Not", unary<not_op>},
    Translator{"Or", binary<or_op>},
    Translator{"Pow", power},
    Translator{"Reciprocal", reciprocal},
    Translator{"Round", unary<round_op>},
    Translator{"Sign", unary<sign_op>},
    Translator{"Sin", unary<sin_op>},
    Translator{"Sinh", unary<sinh_op>},
    Translator{"Sqrt", unary<sqrt_op>},
    Translator{"Sub", binary<sub_op>},
    Translator{"Sum", folded<add_op>},
    Translator{"Tan", unary<tan_op>},
    Translator{"Tanh", unary<tanh_op>},
    Translator{"Where", where},
    Translator{"Xor", binary<xor_op>},
};

}  // namespace

std::span<const Translator> elementwise_translators() { return table; }

}  // namespace paceline::onnx
