#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/graph/dtype.h"

namespace paceline::kernels::cpu {

// The element types that a kernel is compiled for: as data for `accepts`, and as a switch for
// `run`.
template <Dtype... allowed>
struct Dtypes {
  static std::vector<Dtype> list() { return {allowed...}; }

  // Calls `visit(std::type_identity<T>{})` with the element type.
  template <typename Visit>
  static void visit(Dtype dtype, Visit&& visit) {
    const auto try_one = [&]<Dtype one>() {
      if (dtype == one) visit(std::type_identity<typename DtypeTraits<one>::type>{});
      return dtype == one;
    };
    check((try_one.template operator()<allowed>() || ...), "dtype is one that the kernel accepts");
  }
};

using Floats = Dtypes<Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16>;
using Integers = Dtypes<Dtype::i64, Dtype::i32, Dtype::i8, Dtype::u8>;
using Indices = Dtypes<Dtype::i64, Dtype::i32>;
using Booleans = Dtypes<Dtype::boolean>;
using Numbers = Dtypes<Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32,
                       Dtype::i8, Dtype::u8>;
using AllDtypes = Dtypes<Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32,
                         Dtype::i8, Dtype::u8, Dtype::boolean>;

template <typename T>
inline constexpr bool is_half = std::is_same_v<T, Float16> || std::is_same_v<T, Bfloat16>;

// What one operation on T is done in before it is rounded to T: halves in float, integers in 64
// bits, the others in themselves.
template <typename T>
using Compute = std::conditional_t<
    is_half<T>, float,
    std::conditional_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, std::int64_t, T>>;

// What sums over T are kept in.
template <typename T>
using Accumulator = std::conditional_t<std::is_integral_v<T>, std::int64_t, double>;

template <typename T>
Compute<T> widen(T value) {
  return static_cast<Compute<T>>(value);
}

// f(a, b) of two numbers; integers wrap around in place of overflowing.
template <typename T, typename F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(f(static_cast<Unsigned>(a), static_cast<Unsigned>(b)));
  } else {
    return f(a, b);
  }
}

}  // namespace paceline::kernels::cpu
