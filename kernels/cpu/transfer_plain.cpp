#include <cstring>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

void run(const Call& call) {
  const TensorView& from = call.inputs[0];
  const std::size_t bytes = from.element_count() * size_bytes(from.dtype);
  if (bytes > 0) std::memcpy(call.outputs[0].data, from.data, bytes);
}

}  // namespace

Kernel transfer_plain() {
  KernelInfo info =
      plain_info("transfer", AllDtypes::list(), {Strides::dense}, Precision::exact, 0.3);
  info.accepts.attributes = {{"to", std::string("cpu")}};
  return {.info = std::move(info), .run = run};
}

}  // namespace paceline::kernels::cpu
