#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

namespace paceline::kernels::cuda {

// Throws for an error of CUDA's runtime, naming `what` was tried: `exhausted` for memory,
// DeviceLost for errors after which the context is gone, `unavailable` for others.
void check_cuda(cudaError_t status, std::string_view what);

}  // namespace paceline::kernels::cuda
