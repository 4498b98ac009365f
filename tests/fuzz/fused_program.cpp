#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/base/error.h"
#include "common/ops/support/fused_program.h"

// Whatever the text, the reader answers or refuses with `invalid`; what it takes comes back.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using paceline::ops::FusedProgram;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const FusedProgram program = FusedProgram::parse(text);
    if (program.to_text() != text) std::abort();
    const std::vector<paceline::TensorType> inputs(
        program.input_count,
        paceline::TensorType{paceline::Dtype::f32, {paceline::Dim::symbol("B"), 4}});
    paceline::ops::fused_types(program, inputs);
  } catch (const paceline::Error& error) {
    if (error.kind() != paceline::ErrorKind::invalid) std::abort();
  }
  return 0;
}
