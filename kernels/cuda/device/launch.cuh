#pragma once

#include <cuda_runtime.h>

#include <type_traits>

#include "kernels/cuda/device/start.h"

// How kernels are started, so that one begins while the one before it in the stream still ends:
// programmatic dependent launch.
namespace paceline::kernels::cuda {

// What every kernel that `start_kernel` enqueues begins with: all that came before it in the stream
// is over then, and can be seen. Earlier, in a function prefetch...(), it may do two things alone:
// call `prefetch`, since that takes no value, and read inputs that nobody writes
// (Call::lasting_inputs). That no kernel forgets it is checked by
// tests/cmake/kernel_starts_test.sh.
__device__ __forceinline__ void wait_for_earlier() {
  // The next kernel's blocks may come once all of this one's have: they wait here, too.
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

// Asks for `bytes`, a multiple of 16, from an address that is one, to be brought to the cache that
// all multiprocessors share. It is right for what another kernel is still writing, too.
__device__ __forceinline__ void prefetch(const void* address, unsigned bytes) {
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(address), "r"(bytes) : "memory");
}

// Enqueues a kernel that begins with wait_for_earlier().
template <typename... Parameters>
void start_kernel(void (*kernel)(Parameters...), dim3 blocks, unsigned threads,
                  std::size_t shared_bytes, const LaunchPlace& place,
                  std::type_identity_t<Parameters>... arguments) {
  void* pointers[] = {&arguments...};
  start_function(reinterpret_cast<const void*>(kernel), blocks, threads, shared_bytes, place.stream,
                 pointers);
}

__device__ inline float warp_sum(float value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}

// 16 bytes that nobody writes while the kernel runs and that are read once.
__device__ inline uint4 load_stream(const void* address) {
  uint4 value;
  asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address));
  return value;
}

}  // namespace paceline::kernels::cuda
