#include "kernels/cuda/device/spin.h"

#include "kernels/cuda/device/launch.cuh"

namespace paceline::kernels::cuda {
namespace {

__device__ std::int64_t now_ns() {
  std::int64_t now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

__global__ void spin(std::int64_t nanoseconds) {
  wait_for_earlier();
  const std::int64_t end = now_ns() + nanoseconds;
  while (now_ns() < end) __nanosleep(200);
}

}  // namespace

void launch_spin(std::int64_t nanoseconds, const LaunchPlace& place) {
  start_kernel(spin, 1, 1, 0, place, nanoseconds);
}

}  // namespace paceline::kernels::cuda
