#include "kernels/cuda/device/expert.h"

#include "kernels/cuda/device/fault.h"
#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"

// A warp has one element of one token's row: first of what an expert has inside, then of results.
namespace paceline::kernels::cuda {
namespace {

constexpr int warps = 8, block_threads = 32 * warps;

template <typename S>
__device__ S sum_of_warp(S value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  return value;
}

template <typename T>
__device__ Sum<T> dot(const T* a, std::int64_t a_stride, const T* b, std::int64_t count) {
  Sum<T> sum = 0;
#pragma unroll 4
  for (std::int64_t i = threadIdx.x % 32; i < count; i += 32) {
    sum += widen(a[i * a_stride]) * widen(b[i]);
  }
  return sum_of_warp(sum);
}

__device__ std::int64_t chosen_by(const ExpertArguments& p, std::int64_t token,
                                  std::int64_t choice) {
  const std::int64_t at = token * p.index_strides[0] + choice * p.index_strides[1];
  if (p.index_dtype == Element::i32) return static_cast<const std::int32_t*>(p.indices)[at];
  return static_cast<const std::int64_t*>(p.indices)[at];
}

template <typename T>
__global__ void __launch_bounds__(block_threads)
    go_in(const __grid_constant__ ExpertArguments p, std::int64_t blocks_each, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t pair = blockIdx.x / blocks_each;
  const std::int64_t i = blockIdx.x % blocks_each * warps + threadIdx.x / 32;
  const std::int64_t token = pair / p.choices;
  if (i >= p.inner) return;
  const std::int64_t expert = chosen_by(p, token, pair % p.choices);
  if (expert < 0 || expert >= p.experts) {
    if (threadIdx.x % 32 == 0) fault.is_within(expert, p.experts);
    return;
  }
  const T* x = static_cast<const T*>(p.x) + token * p.x_strides[0];
  const T* gate = static_cast<const T*>(p.weights[3 * expert]) + i * p.width;
  const T* up = static_cast<const T*>(p.weights[3 * expert + 1]) + i * p.width;
  const Sum<T> through_gate = dot(x, p.x_strides[1], gate, p.width);
  const Sum<T> through_up = dot(x, p.x_strides[1], up, p.width);
  if (threadIdx.x % 32 != 0) return;
  const T activated = narrow<T>(activate(p.activation, through_gate));
  static_cast<T*>(p.hidden)[pair * p.inner + i] = narrow<T>(widen(activated) * through_up);
}

template <typename T>
__global__ void __launch_bounds__(block_threads)
    come_out(const __grid_constant__ ExpertArguments p, std::int64_t blocks_each) {
  wait_for_earlier();
  const std::int64_t token = blockIdx.x / blocks_each;
  const std::int64_t j = blockIdx.x % blocks_each * warps + threadIdx.x / 32;
  if (j >= p.width) return;
  Sum<T> sum = 0;
  for (std::int64_t choice = 0; choice < p.choices; ++choice) {
    const std::int64_t expert = chosen_by(p, token, choice);
    if (expert < 0 || expert >= p.experts) continue;
    const T* hidden = static_cast<const T*>(p.hidden) + (token * p.choices + choice) * p.inner;
    const T* down = static_cast<const T*>(p.weights[3 * expert + 2]) + j * p.inner;
    const T share =
        static_cast<const T*>(p.shares)[token * p.share_strides[0] + choice * p.share_strides[1]];
    sum += widen(share) * dot(hidden, 1, down, p.inner);
  }
  if (threadIdx.x % 32 == 0) static_cast<T*>(p.out)[token * p.width + j] = narrow<T>(sum);
}

}  // namespace

void launch_experts(const ExpertArguments& p, const LaunchPlace& place) {
  if (p.tokens == 0 || p.width == 0) return;
  const std::int64_t inner_blocks = (p.inner + warps - 1) / warps;
  const std::int64_t width_blocks = (p.width + warps - 1) / warps;
  const FaultPlace fault{static_cast<Fault*>(place.fault), place.step};
  visit_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t blocks = p.tokens * p.choices * inner_blocks;
    if (blocks > 0) {
      start_kernel(go_in<T>, static_cast<unsigned>(blocks), block_threads, 0, place, p,
                   inner_blocks, fault);
    }
    start_kernel(come_out<T>, static_cast<unsigned>(p.tokens * width_blocks), block_threads, 0,
                 place, p, width_blocks);
  });
}

}  // namespace paceline::kernels::cuda
