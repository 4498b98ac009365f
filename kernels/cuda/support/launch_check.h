#pragma once

#include <cuda_runtime_api.h>

#include "kernels/cuda/runtime/errors.h"

namespace paceline::kernels::cuda {

// After launchers: throws for a launch that CUDA refused.
inline void check_launch(const char* kernel) { check_cuda(cudaPeekAtLastError(), kernel); }

}  // namespace paceline::kernels::cuda
