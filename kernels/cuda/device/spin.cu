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

// A context that has to make room for another's stands still between two instructions. The clock
// itself goes in steps of about a microsecond.
__global__ void watch(std::int64_t nanoseconds, std::int64_t* paused) {
  wait_for_earlier();
  constexpr std::int64_t least = 50'000;
  std::int64_t last = now_ns(), sum = 0;
  const std::int64_t end = last + nanoseconds;
  while (last < end) {
    const std::int64_t now = now_ns();
    if (now - last > least) sum += now - last;
    last = now;
  }
  *paused = sum;
}

}  // namespace

void launch_spin(std::int64_t nanoseconds, const LaunchPlace& place) {
  start_kernel(spin, 1, 1, 0, place, nanoseconds);
}

void launch_watch(std::int64_t nanoseconds, std::int64_t* paused, const LaunchPlace& place) {
  start_kernel(watch, 1, 1, 0, place, nanoseconds, paused);
}

}  // namespace paceline::kernels::cuda
