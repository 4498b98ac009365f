#pragma once

#include <cmath>
#include <numbers>
#include <string_view>

#include "common/base/error.h"
#include "kernels/cpu/support/dtypes.h"

// The activation functions, on float and double.
namespace paceline::kernels::cpu {

struct Relu {
  template <typename T>
  T operator()(T x) const {
    return x < T{0} ? T{0} : x;  // NaN stays.
  }
};

struct Sigmoid {
  template <typename T>
  T operator()(T x) const {
    return 1 / (1 + std::exp(-x));
  }
};

struct Silu {
  template <typename T>
  T operator()(T x) const {
    return x * Sigmoid{}(x);
  }
};

struct Gelu {
  template <typename T>
  T operator()(T x) const {
    return x / 2 * (1 + std::erf(x * (std::numbers::sqrt2_v<T> / 2)));
  }
};

struct GeluTanh {
  template <typename T>
  T operator()(T x) const {
    const T scale = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;  // sqrt(2 / pi)
    return x / 2 * (1 + std::tanh(scale * (x + static_cast<T>(0.044715) * x * x * x)));
  }
};

enum class Activation { relu, sigmoid, silu, gelu, gelu_tanh };

inline Activation parse_activation(std::string_view name) {
  if (name == "relu") return Activation::relu;
  if (name == "sigmoid") return Activation::sigmoid;
  if (name == "silu") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  check(name == "gelu_tanh", "known activation");
  return Activation::gelu_tanh;
}

// Calls `visit` with the function.
template <typename Visit>
void visit_activation(Activation activation, Visit&& visit) {
  switch (activation) {
    case Activation::relu:
      return visit(Relu{});
    case Activation::sigmoid:
      return visit(Sigmoid{});
    case Activation::silu:
      return visit(Silu{});
    case Activation::gelu:
      return visit(Gelu{});
    case Activation::gelu_tanh:
      return visit(GeluTanh{});
  }
}

}  // namespace paceline::kernels::cpu
