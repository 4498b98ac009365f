#include <cuda_runtime_api.h>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cuda/runtime/errors.h"
#include "kernels/cuda/support/info.h"

namespace paceline::kernels::cuda {
namespace {

void run(const Call& call) {
  const TensorView& from = call.inputs[0];
  const std::size_t bytes = from.element_count() * size_bytes(from.dtype);
  if (bytes == 0) return;
  check_cuda(
      cudaMemcpyAsync(call.outputs[0].data, from.data, bytes, cudaMemcpyDefault, call.stream),
      "transfer_cuda");
}

Kernel member(const char* name, const char* to, Kernel::Crossing crossing) {
  KernelInfo info =
      cuda_info("transfer", cpu::AllDtypes::list(), {Strides::dense}, Precision::exact, 0.01);
  info.name = name;
  info.accepts.attributes = {{"to", std::string(to)}};
  return {.info = std::move(info), .run = run, .crossing = crossing};
}

}  // namespace

// One of the operands is an address of the host: only when it is pinned does the copy happen beside
// other work.
std::vector<Kernel> transfer_cuda() {
  return {member("to_device", "cuda", Kernel::Crossing::to_device),
          member("to_host", "cpu", Kernel::Crossing::to_host)};
}

}  // namespace paceline::kernels::cuda
