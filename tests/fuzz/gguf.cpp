// No bytes crash the GGUF parser, and what it accepts lies inside them; nor does any metadata crash
// the importer.

#include "common/models/gguf.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/error.h"
#include "common/models/gguf_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  const auto bytes = std::make_shared<std::vector<std::byte>>(first, first + size);
  try {
    const paceline::Gguf file = paceline::parse_gguf(*bytes, bytes, "fuzz");
    for (const auto& [name, entry] : file.tensors) entry.tensor.to_doubles();
    paceline::build_gguf(file, {.form = paceline::ModelForm::generate, .dtype = {}});
  } catch (const paceline::Error& error) {
    if (error.kind() == paceline::ErrorKind::internal) throw;
  }
  return 0;
}
