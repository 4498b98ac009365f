#include "common/ops/support/activation.h"

#include <array>
#include <cmath>
#include <numbers>
#include <string>

#include "common/base/error.h"

namespace paceline::ops {

namespace {

double relu_of(double x) { return x > 0 || std::isnan(x) ? x : 0; }
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double silu_of(double x) { return x * sigmoid_of(x); }
double gelu_of(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }
double gelu_tanh_of(double x) {
  const double slope = std::sqrt(2 / std::numbers::pi);
  return 0.5 * x * (1 + std::tanh(slope * (x + 0.044715 * x * x * x)));
}

struct Activation {
  std::string_view name;
  ScalarFunction function;
  std::string_view op;
};

constexpr std::array<Activation, 5> activations = {{
    {"relu", relu_of, "relu"},
    {"sigmoid", sigmoid_of, "sigmoid"},
    {"silu", silu_of, "silu"},
    {"gelu", gelu_of, "gelu"},
    {"gelu_tanh", gelu_tanh_of, "gelu"},
}};

const Activation& find(std::string_view name) {
  std::string known;
  for (const Activation& activation : activations) {
    if (activation.name == name) return activation;
    known += (known.empty() ? "" : ", ") + std::string(activation.name);
  }
  throw invalid("expected one of {}: \"{}\"", known, name);
}

}  // namespace

ScalarFunction activation_function(std::string_view name) { return find(name).function; }

Value activate(std::string_view name, const Value& x) {
  Attributes attributes;
  if (name == "gelu_tanh") attributes.set("approximate", std::string("tanh"));
  return x.builder().op(find(name).op, {x}, attributes);
}

}  // namespace paceline::ops
