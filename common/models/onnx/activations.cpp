#include <array>

#include "common/base/error.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

Terms relu(Call& call) {
  const Value x = call.in(0);
  return {is_float(x.dtype()) ? apply("relu", x) : apply("maximum", x, 0)};
}

Terms sigmoid(Call& call) { return {apply("sigmoid", call.in(0))}; }

// exp is taken of what is not positive alone: the other branch's infinity must not meet a zero.
Value exp_minus_one_below_zero(const Value& x) { return apply("expm1", apply("minimum", x, 0)); }

Terms elu(Call& call) {
  const Value x = call.in(0);
  return {apply("maximum", x, 0) + exp_minus_one_below_zero(x) * call.real("alpha", 1)};
}

Terms selu(Call& call) {
  const Value x = call.in(0);
  const double alpha = call.real("alpha", 1.67326319217681884765625);
  const double gamma = call.real("gamma", 1.05070102214813232421875);
  return {(apply("maximum", x, 0) + exp_minus_one_below_zero(x) * alpha) * gamma};
}

Terms celu(Call& call) {
  const Value x = call.in(0);
  const double alpha = call.real("alpha", 1);
  return {apply("maximum", x, 0) + exp_minus_one_below_zero(x * (1 / alpha)) * alpha};
}

Value leaky(const Value& x, const Value& slope) {
  return select(apply("less", x, 0), x * slope, x);
}

Terms leaky_relu(Call& call) {
  const Value x = call.in(0);
  return {leaky(x, like(x, call.real("alpha", 0.01)))};
}

// Before opset 7 several slopes were those of channels.
Terms parametric_relu(Call& call) {
  const Value x = call.in(0);
  const Value slope = call.in(1);
  const bool is_old = call.opset() < 7 && slope.rank() == 1 && x.rank() > 1;
  return {leaky(x, is_old ? as_channels(slope, x.rank()) : slope)};
}

Terms thresholded_relu(Call& call) {
  const Value x = call.in(0);
  return {select(apply("greater", x, call.real("alpha", 1)), x, like(x, 0))};
}

Value hard_sigmoid(const Value& x, double alpha, double beta) {
  return apply("minimum", apply("maximum", x * alpha + beta, 0), 1);
}

Terms hard_sigmoid(Call& call) {
  return {hard_sigmoid(call.in(0), call.real("alpha", 0.2), call.real("beta", 0.5))};
}

Terms hard_swish(Call& call) {
  const Value x = call.in(0);
  return {x * hard_sigmoid(x, 1.0 / 6, 0.5)};
}

Value softplus(const Value& x) {
  return apply("maximum", x, 0) + apply("log1p", apply("exp", -apply("abs", x)));
}

Terms softplus(Call& call) { return {softplus(call.in(0))}; }

Terms softsign(Call& call) {
  const Value x = call.in(0);
  return {x / (apply("abs", x) + 1.0)};
}

Terms mish(Call& call) {
  const Value x = call.in(0);
  return {x * apply("tanh", softplus(x))};
}

Terms gelu(Call& call) {
  const Value x = call.in(0);
  const std::string approximate = call.text("approximate", "none");
  return {x.builder().op("gelu", {x}, {{"approximate", approximate}})};
}

Terms swish(Call& call) {
  const Value x = call.in(0);
  const double alpha = call.real("alpha", 1);
  return {alpha == 1 ? apply("silu", x) : x * apply("sigmoid", x * alpha)};
}

Terms shrink(Call& call) {
  const Value x = call.in(0);
  const double lambd = call.real("lambd", 0.5);
  const double bias = call.real("bias", 0);
  const Value high = select(apply("greater", x, lambd), x - bias, like(x, 0));
  return {select(apply("less", x, -lambd), x + bias, high)};
}

constexpr std::array table{
    Translator{"Celu", celu},
    Translator{"Elu", elu},
    Translator{"Gelu", gelu},
    Translator{"HardSigmoid", hard_sigmoid},
    Translator{"HardSwish", hard_swish},
    Translator{"LeakyRelu", leaky_relu},
    Translator{"Mish", mish},
    Translator{"PRelu", parametric_relu},
    Translator{"Relu", relu},
    Translator{"Selu", selu},
    Translator{"Shrink", shrink},
    Translator{"Sigmoid", sigmoid},
    Translator{"Softplus", softplus},
    Translator{"Softsign", softsign},
    Translator{"Swish", swish},
    Translator{"ThresholdedRelu", thresholded_relu},
};

}  // namespace

std::span<const Translator> activation_translators() { return table; }

}  // namespace paceline::onnx
