#include "kernels/cuda/runtime/errors.h"

#include "common/base/error.h"
#include "kernels/device_runtime.h"

namespace paceline::kernels::cuda {
namespace {

// After these every call of the process answers the same.
bool is_sticky(cudaError_t status) {
  switch (status) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable:
    case cudaErrorDevicesUnavailable:
    case cudaErrorAssert:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace

void check_cuda(cudaError_t status, std::string_view what) {
  if (status == cudaSuccess) return;
  const std::string why =
      fmt::format("{}: {} ({})", what, cudaGetErrorString(status), cudaGetErrorName(status));
  if (is_sticky(status)) throw DeviceLost("the GPU's context is gone, " + why);
  cudaGetLastError();  // So that the next check does not see it again.
  if (status == cudaErrorMemoryAllocation) throw exhausted("{}", why);
  throw unavailable("{}", why);
}

}  // namespace paceline::kernels::cuda
