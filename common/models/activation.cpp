#include "common/models/activation.h"

#include <array>
#include <string>

#include "common/base/error.h"

namespace paceline {

namespace {

Value unary(std::string_view op, const Value& x) { return x.builder().op(op, {x}); }

Value clamp(const Value& x, double low, double high) {
  const auto bound = [&](double value) {
    return x.builder().scalar(value, x.dtype()).broadcast(x.shape());
  };
  const Value above = x.builder().op("maximum", {x, bound(low)});
  return x.builder().op("minimum", {above, bound(high)});
}

Value gelu(const Value& x) { return x.builder().op("gelu", {x}); }
Value gelu_tanh(const Value& x) {
  return x.builder().op("gelu", {x}, {{"approximate", std::string("tanh")}});
}
Value gelu_10(const Value& x) { return clamp(gelu(x), -10, 10); }
Value quick_gelu(const Value& x) { return x * unary("sigmoid", x * 1.702); }
Value relu(const Value& x) { return unary("relu", x); }
Value relu2(const Value& x) {
  const Value positive = relu(x);
  return positive * positive;
}
Value relu6(const Value& x) { return clamp(x, 0, 6); }
Value leaky_relu(const Value& x) { return x.builder().op("maximum", {x, x * 0.01}); }
Value sigmoid(const Value& x) { return unary("sigmoid", x); }
Value silu(const Value& x) { return unary("silu", x); }
Value tanh(const Value& x) { return unary("tanh", x); }
Value identity(const Value& x) { return x; }
// softplus(x) = max(x, 0) + log1p(exp(-|x|)), which does not overflow.
Value mish(const Value& x) {
  const Value softplus = relu(x) + unary("log1p", unary("exp", -unary("abs", x)));
  return x * tanh(softplus);
}

struct Activation {
  std::string_view name;
  Value (*apply)(const Value&);
  std::string_view gate;  // As the op `gated_activation` spells it; empty when it does not know it.
};

constexpr std::array<Activation, 19> activations{{
    {"gelu", gelu, "gelu"},
    {"gelu_python", gelu, "gelu"},
    {"gelu_new", gelu_tanh, "gelu_tanh"},
    {"gelu_fast", gelu_tanh, "gelu_tanh"},
    {"gelu_accurate", gelu_tanh, "gelu_tanh"},
    {"gelu_pytorch_tanh", gelu_tanh, "gelu_tanh"},
    {"gelu_python_tanh", gelu_tanh, "gelu_tanh"},
    {"gelu_10", gelu_10, ""},
    {"quick_gelu", quick_gelu, ""},
    {"relu", relu, "relu"},
    {"relu2", relu2, ""},
    {"relu6", relu6, ""},
    {"leaky_relu", leaky_relu, ""},
    {"sigmoid", sigmoid, "sigmoid"},
    {"silu", silu, "silu"},
    {"swish", silu, "silu"},
    {"tanh", tanh, ""},
    {"linear", identity, ""},
    {"mish", mish, ""},
}};

const Activation& find(std::string_view name) {
  std::string known;
  for (const Activation& activation : activations) {
    if (activation.name == name) return activation;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", activation.name);
  }
  throw invalid("no such activation; known are {}: {}", known, name);
}

}  // namespace

void check_activation(std::string_view name) { find(name); }

Value activation(std::string_view name, const Value& x) { return find(name).apply(x); }

Value gated_activation(std::string_view name, const Value& gate, const Value& up) {
  const Activation& activation = find(name);
  if (activation.gate.empty()) return activation.apply(gate) * up;
  return gate.builder().op("gated_activation", {gate, up},
                           {{"activation", std::string(activation.gate)}});
}

std::string_view gate_of(std::string_view name) {
  const std::string_view gate = find(name).gate;
  if (gate.empty()) throw unsupported("no expert layers with this activation: {}", name);
  return gate;
}

}  // namespace paceline
