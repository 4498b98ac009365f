#pragma once

#include <cstdint>

#include "kernels/cuda/device/attention_barriers.cuh"
#include "kernels/cuda/device/attention_shares.cuh"
#include "kernels/cuda/device/mma.cuh"

// Shares that blocks of a cluster write into each other's shared memory, one way: nobody waits but
// for what comes to itself.
namespace paceline::kernels::cuda {

// What this thread wrote to its block's shared memory, barriers above all, is seen by those of the
// cluster that are past await_cluster(). Both by all threads.
__device__ inline void announce_to_cluster() {
  asm volatile("barrier.cluster.arrive.release;" ::: "memory");
}
__device__ inline void await_cluster() {
  asm volatile("barrier.cluster.wait.acquire;" ::: "memory");
}

template <int count_max>
struct Pushes {
  float4 sums[count_max + 15];
  float2 scales[count_max + 15];
  std::uint64_t barrier;

  // By one thread, ahead of announce_to_cluster(): so many shares will come.
  __device__ void open(int count) {
    open_barrier(&barrier, 1);
    show_barriers();
    constexpr int bytes = sizeof(float4) + sizeof(float2);
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)),
        "r"(count * bytes)
        : "memory");
  }

  // To place `to` of block `rank`, which must be past its open().
  __device__ void push(const Share& share, int rank, int to) {
    asm volatile(
        "{\n.reg .b32 sums, scales, barrier;\n"
        "mapa.shared::cluster.u32 sums, %0, %3;\n"
        "mapa.shared::cluster.u32 scales, %1, %3;\n"
        "mapa.shared::cluster.u32 barrier, %2, %3;\n"
        "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [sums], {%4, %5, %6, %7}, "
        "[barrier];\n"
        "st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [scales], {%8, %9}, "
        "[barrier];\n}" ::"r"(shared_address(&sums[to])),
        "r"(shared_address(&scales[to])), "r"(shared_address(&barrier)), "r"(rank),
        "f"(share.sums.x), "f"(share.sums.y), "f"(share.sums.z), "f"(share.sums.w),
        "f"(share.largest), "f"(share.total)
        : "memory");
  }

  // Until all that was announced to open() has come.
  __device__ void await_all() {
    asm volatile(
        "{\n.reg .pred p;\n"
        "again:\n"
        "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%0], 0;\n"
        "@p bra done;\n"
        "bra again;\n"
        "done:\n}" ::"r"(shared_address(&barrier))
        : "memory");
  }

  __device__ Share at(int place) const { return {sums[place], scales[place].x, scales[place].y}; }
};

}  // namespace paceline::kernels::cuda
