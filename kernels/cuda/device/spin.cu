#include "kernels/cuda/device/spin.h"

namespace paceline::kernels::cuda {
namespace {

__device__ std::int64_t now_ns() {
  std::int64_t now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

__global__ void spin(std::int64_t nanoseconds) {
  const std::int64_t end = now_ns() + nanoseconds;
  while (now_ns() < end) __nanosleep(200);
}

}  // namespace

void launch_spin(std::int64_t nanoseconds, const LaunchPlace& place) {
  spin<<<1, 1, 0, place.stream>>>(nanoseconds);
}

}  // namespace paceline::kernels::cuda
