#pragma once

#include <cuda_runtime_api.h>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// Grids of so many blocks leave room for the next kernel's beside them.
inline constexpr unsigned small_grid = 4 * 132;

// What lets a kernel begin while the one before it still runs: it begins with wait_for_earlier()
// (launch.cuh). The second is for small grids alone: kernels that divide a multiprocessor's memory
// between cache and shared memory in different ways cannot be there at the same time.
inline void set_small_grid(cudaLaunchAttribute* attributes) {
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributePreferredSharedMemoryCarveout;
  attributes[1].val.sharedMemCarveout = cudaSharedmemCarveoutMaxShared;
}

// Enqueues a kernel that begins with wait_for_earlier(). What CUDA refuses is its last error.
inline void start_function(const void* function, dim3 blocks, unsigned threads,
                           std::size_t shared_bytes, CUstream_st* stream, void** arguments) {
  cudaLaunchAttribute attributes[2] = {};
  set_small_grid(attributes);
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = blocks.x <= small_grid && blocks.y * blocks.z == 1 ? 2 : 1;
  cudaLaunchKernelExC(&config, function, arguments);
}

}  // namespace paceline::kernels::cuda
