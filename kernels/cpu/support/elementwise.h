#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/rows.h"

namespace paceline::kernels::cpu {

// out[i] = f(in0[i], in1[i], ...) for operands of equal extents and any strides; `out` is dense and
// may be one of the inputs.
template <typename Out, typename... In, typename F, std::size_t... i>
void map_elements(const Call& call, F f, std::index_sequence<i...>) {
  for_each_row(std::array{call.outputs[0], call.inputs[i]...},
               [f](const auto& rows, const auto& strides, std::int64_t count) {
                 Out* out = reinterpret_cast<Out*>(rows[0]);
                 const std::tuple<const In*...> in{reinterpret_cast<const In*>(rows[i + 1])...};
                 if (((strides[i + 1] == 1) && ...)) {
                   for (std::int64_t k = 0; k < count; ++k) out[k] = f(std::get<i>(in)[k]...);
                 } else {
                   for (std::int64_t k = 0; k < count; ++k) {
                     out[k] = f(std::get<i>(in)[k * strides[i + 1]]...);
                   }
                 }
               });
}
template <typename Out, typename... In, typename F>
void map_elements(const Call& call, F f) {
  map_elements<Out, In...>(call, f, std::index_sequence_for<In...>{});
}

// F computes in Compute<T>; the result is rounded once. F is stateless.
template <typename Allowed, typename F>
void run_unary(const Call& call) {
  Allowed::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    map_elements<T, T>(call, [](T x) { return static_cast<T>(F{}(widen(x))); });
  });
}
template <typename Allowed, typename F>
void run_binary(const Call& call) {
  Allowed::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    map_elements<T, T, T>(call, [](T a, T b) { return static_cast<T>(F{}(widen(a), widen(b))); });
  });
}
template <typename Allowed, typename F>
void run_comparison(const Call& call) {
  Allowed::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    map_elements<bool, T, T>(call, [](T a, T b) -> bool { return F{}(widen(a), widen(b)); });
  });
}

// Kernels that are one formula: `return unary_kernel<Floats>("exp", [](auto x) { ... });`
template <typename Allowed, typename F>
Kernel unary_kernel(std::string op, F) {
  return {.info = plain_info(std::move(op), Allowed::list()), .run = run_unary<Allowed, F>};
}
template <typename Allowed, typename F>
Kernel binary_kernel(std::string op, F) {
  return {.info = plain_info(std::move(op), Allowed::list()), .run = run_binary<Allowed, F>};
}
template <typename Allowed, typename F>
Kernel comparison_kernel(std::string op, F) {
  return {.info = plain_info(std::move(op), Allowed::list()), .run = run_comparison<Allowed, F>};
}

}  // namespace paceline::kernels::cpu
