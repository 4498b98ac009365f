#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "common/graph/half.h"

namespace paceline {

// Element types. Stored and sent by name ("bf16"), never by number.
enum class Dtype : std::uint8_t { f64, f32, f16, bf16, i64, i32, i8, u8, boolean };

std::string_view to_string(Dtype dtype);  // "f64" ... "u8", "bool".
std::optional<Dtype> parse_dtype(std::string_view name);
std::size_t size_bytes(Dtype dtype);
bool is_float(Dtype dtype);
bool is_integer(Dtype dtype);  // Not bool.
// The largest relative error of rounding to the type: 2^-24 for f32. 0 for integers and bool.
double unit_roundoff(Dtype dtype);

// Booleans occupy one byte, 0 or 1.
template <Dtype>
struct DtypeTraits;
template <> struct DtypeTraits<Dtype::f64> { using type = double; };
template <> struct DtypeTraits<Dtype::f32> { using type = float; };
template <> struct DtypeTraits<Dtype::f16> { using type = Float16; };
template <> struct DtypeTraits<Dtype::bf16> { using type = Bfloat16; };
template <> struct DtypeTraits<Dtype::i64> { using type = std::int64_t; };
template <> struct DtypeTraits<Dtype::i32> { using type = std::int32_t; };
template <> struct DtypeTraits<Dtype::i8> { using type = std::int8_t; };
template <> struct DtypeTraits<Dtype::u8> { using type = std::uint8_t; };
template <> struct DtypeTraits<Dtype::boolean> { using type = bool; };

template <typename T>
inline constexpr Dtype dtype_of = Dtype::boolean;
template <> inline constexpr Dtype dtype_of<double> = Dtype::f64;
template <> inline constexpr Dtype dtype_of<float> = Dtype::f32;
template <> inline constexpr Dtype dtype_of<Float16> = Dtype::f16;
template <> inline constexpr Dtype dtype_of<Bfloat16> = Dtype::bf16;
template <> inline constexpr Dtype dtype_of<std::int64_t> = Dtype::i64;
template <> inline constexpr Dtype dtype_of<std::int32_t> = Dtype::i32;
template <> inline constexpr Dtype dtype_of<std::int8_t> = Dtype::i8;
template <> inline constexpr Dtype dtype_of<std::uint8_t> = Dtype::u8;

// Calls `visit(std::type_identity<T>{})` with the element type.
template <typename Visit>
decltype(auto) visit_dtype(Dtype dtype, Visit&& visit) {
  switch (dtype) {
    case Dtype::f64: return visit(std::type_identity<double>{});
    case Dtype::f32: return visit(std::type_identity<float>{});
    case Dtype::f16: return visit(std::type_identity<Float16>{});
    case Dtype::bf16: return visit(std::type_identity<Bfloat16>{});
    case Dtype::i64: return visit(std::type_identity<std::int64_t>{});
    case Dtype::i32: return visit(std::type_identity<std::int32_t>{});
    case Dtype::i8: return visit(std::type_identity<std::int8_t>{});
    case Dtype::u8: return visit(std::type_identity<std::uint8_t>{});
    case Dtype::boolean: break;
  }
  return visit(std::type_identity<bool>{});
}

}  // namespace paceline
