#pragma once

#include <cuda_runtime_api.h>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// Enqueues a kernel that begins with wait_for_earlier() (launch.cuh): its blocks may come while the
// kernel before it in the stream still runs. What CUDA refuses is its last error.
inline void start_function(const void* function, dim3 blocks, unsigned threads,
                           std::size_t shared_bytes, CUstream_st* stream, void** arguments) {
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = 1;
  cudaLaunchKernelExC(&config, function, arguments);
}

}  // namespace paceline::kernels::cuda
