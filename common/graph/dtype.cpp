#include "common/graph/dtype.h"

#include <array>
#include <utility>

namespace paceline {
namespace {

constexpr std::array<std::pair<Dtype, std::string_view>, 9> names = {{
    {Dtype::f64, "f64"},
    {Dtype::f32, "f32"},
    {Dtype::f16, "f16"},
    {Dtype::bf16, "bf16"},
    {Dtype::i64, "i64"},
    {Dtype::i32, "i32"},
    {Dtype::i8, "i8"},
    {Dtype::u8, "u8"},
    {Dtype::boolean, "bool"},
}};

}  // namespace

std::string_view to_string(Dtype dtype) { return names[static_cast<std::size_t>(dtype)].second; }

std::optional<Dtype> parse_dtype(std::string_view name) {
  for (const auto& [dtype, known] : names) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

std::size_t size_bytes(Dtype dtype) {
  return visit_dtype(dtype, [](auto type) { return sizeof(typename decltype(type)::type); });
}

bool is_float(Dtype dtype) {
  return dtype == Dtype::f64 || dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16;
}

bool is_integer(Dtype dtype) { return !is_float(dtype) && dtype != Dtype::boolean; }

double unit_roundoff(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return 0x1p-53;
    case Dtype::f32:
      return 0x1p-24;
    case Dtype::f16:
      return 0x1p-11;
    case Dtype::bf16:
      return 0x1p-8;
    default:
      return 0;
  }
}

}  // namespace paceline
