#include "common/models/onnx/repeated_half.h"

#include <cstring>

namespace paceline::onnx {

std::optional<Tensor> repeated_half(const Tensor& table) {
  Extents extents = table.extents();
  if (!is_float(table.dtype()) || extents.size() < 2 || table.element_count() == 0 ||
      extents.back() % 2 != 0) {
    return std::nullopt;
  }
  extents.back() /= 2;
  const std::size_t half = extents.back() * size_bytes(table.dtype());
  const auto* from = table.as<const std::byte>();
  const std::size_t bytes = table.size_bytes();
  for (std::size_t row = 0; row < bytes; row += 2 * half) {
    if (std::memcmp(from + row, from + row + half, half) != 0) return std::nullopt;
  }
  const std::size_t one = size_bytes(table.dtype());
  if (std::memcmp(from, from + one, bytes - one) == 0) return std::nullopt;
  Tensor result(table.dtype(), extents);
  for (std::size_t row = 0; row < bytes; row += 2 * half) {
    std::memcpy(result.as<std::byte>() + row / 2, from + row, half);
  }
  return result;
}

}  // namespace paceline::onnx
