#include "kernels/cuda/device/peak.h"

#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 512;
constexpr int blocks_per_multiprocessor = 4;
constexpr int chains = 16;  // Independent of each other: enough to hide a multiply-add's latency.

__global__ void peak_flops(float* out, std::int32_t rounds, float factor) {
  wait_for_earlier();
  float sums[chains];
#pragma unroll
  for (int i = 0; i < chains; ++i) sums[i] = static_cast<float>(threadIdx.x + i);
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < chains; ++i) sums[i] = fmaf(sums[i], factor, 1.0f);
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < chains; ++i) sum += sums[i];
  out[blockIdx.x * block_threads + threadIdx.x] = sum;
}

}  // namespace

double launch_peak_flops(float* out, std::int32_t multiprocessors, std::int32_t rounds,
                         const LaunchPlace& place) {
  const int blocks = multiprocessors * blocks_per_multiprocessor;
  start_kernel(peak_flops, blocks, block_threads, 0, place, out, rounds, 0.5f);
  return 2.0 * chains * rounds * blocks * block_threads;
}

std::int64_t peak_floats(std::int32_t multiprocessors) {
  return static_cast<std::int64_t>(multiprocessors) * blocks_per_multiprocessor * block_threads;
}

}  // namespace paceline::kernels::cuda
