#pragma once

#include <cstdint>

#include "kernels/cuda/device/mma.cuh"

// Barriers in shared memory, whose phases count from 0, and turns between two warp groups.
namespace paceline::kernels::cuda {

// A phase ends with `count` arrivals.
__device__ inline void open_barrier(std::uint64_t* barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(count)
               : "memory");
}

// After opening, by the same thread; __syncthreads() must follow.
__device__ inline void show_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void arrive(std::uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
}

// Until the phase of this parity (its number modulo 2) has ended.
__device__ inline void await(std::uint64_t* barrier, int parity) {
  asm volatile(
      "{\n.reg .pred p;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
      "@p bra done;\n"
      "bra again;\n"
      "done:\n}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// Of 256 threads: those of the warp group that waits for its turn, and of the one that gives it.
__device__ inline void take_turn(int turn) {
  asm volatile("bar.sync %0, 256;" ::"r"(turn) : "memory");
}
__device__ inline void give_turn(int turn) {
  asm volatile("bar.arrive %0, 256;" ::"r"(turn) : "memory");
}

}  // namespace paceline::kernels::cuda
