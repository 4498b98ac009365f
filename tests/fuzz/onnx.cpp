// No bytes crash the ONNX importer: they are refused, or become a graph that validates.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/error.h"
#include "common/models/onnx/import.h"
#include "common/ops/all_ops.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  const auto bytes = std::make_shared<std::vector<std::byte>>(first, first + size);
  try {
    const paceline::Model model = paceline::parse_onnx(*bytes, bytes, "fuzz");
    paceline::validate(model.graph, paceline::ops::all_ops());
  } catch (const paceline::Error& error) {
    if (error.kind() == paceline::ErrorKind::internal) throw;
  }
  return 0;
}
