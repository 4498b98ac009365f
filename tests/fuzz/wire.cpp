// Whatever comes in is a message or an Error.

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/error.h"
#include "common/wire/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto message = paceline::wire::decode(std::as_bytes(std::span(data, size)));
    paceline::wire::encode(message);
  } catch (const paceline::Error&) {
  }
  return 0;
}
