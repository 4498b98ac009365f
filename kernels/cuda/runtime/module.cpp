#include "kernels/cuda/module.h"

#include "kernels/cuda/interface_digest.h"
#include "kernels/cuda/libraries/cublaslt.h"
#include "kernels/cuda/libraries/cudnn.h"
#include "kernels/cuda/libraries/nvrtc.h"
#include "kernels/cuda/runtime/runtime.h"

namespace paceline::kernels {

// What kernels/cuda defines; the build writes it.
std::vector<Kernel> listed_kernels();

namespace {

std::vector<CudaLibrary> libraries() {
  return {cuda::cublaslt_library(), cuda::nvrtc_library(), cuda::cudnn_library()};
}

constexpr CudaModule module = {
    .interface_digest = cuda_interface_digest,
    .kernels = listed_kernels,
    .runtime = cuda::open_runtime,
    .libraries = libraries,
};

}  // namespace
}  // namespace paceline::kernels

extern "C" __attribute__((visibility("default"))) const paceline::kernels::CudaModule*
paceline_cuda_module() {
  return &paceline::kernels::module;
}
