// No bytes crash the safetensors parser, and what it accepts lies inside them.

#include "common/models/safetensors.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  const auto bytes = std::make_shared<std::vector<std::byte>>(first, first + size);
  try {
    for (const auto& [name, tensor] : paceline::parse_safetensors(*bytes, bytes, "fuzz").tensors) {
      tensor.to_doubles();
    }
  } catch (const paceline::Error& error) {
    if (error.kind() != paceline::ErrorKind::invalid) throw;
  }
  return 0;
}
