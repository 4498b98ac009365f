#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/cuda/device/attention.h"
#include "kernels/cuda/device/mma.cuh"

// Tiles of q, k and v as boxes that the device's copy engine brings: a part of 64 halves of the
// width by 128 rows at a time, chunks exchanged as products want them, zeros beyond the last row.
namespace paceline::kernels::cuda {

struct BoxMaps {
  CUtensorMap q, k, v;
};

// False: the driver has no such maps, or not of these operands.
inline bool make_box_map(CUtensorMap& map, Element dtype, const void* data, std::int64_t rows,
                         std::int64_t heads, std::int64_t batch, const std::int64_t (&strides)[4]) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result;
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function,
                                                               12000, cudaEnableDefault, &result);
    return error == cudaSuccess ? reinterpret_cast<Encode>(function) : nullptr;
  }();
  if (encode == nullptr || rows <= 0) return false;
  const cuuint64_t extents[4] = {128, static_cast<cuuint64_t>(rows), static_cast<cuuint64_t>(heads),
                                 static_cast<cuuint64_t>(batch)};
  const cuuint64_t steps[3] = {static_cast<cuuint64_t>(2 * strides[2]),
                               static_cast<cuuint64_t>(2 * strides[1]),
                               static_cast<cuuint64_t>(2 * strides[0])};
  const cuuint32_t box[4] = {64, 128, 1, 1}, every[4] = {1, 1, 1, 1};
  const auto type =
      dtype == Element::f16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  return encode(&map, type, 4, const_cast<void*>(data), extents, steps, box, every,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

inline bool make_box_maps(BoxMaps& maps, const AttentionArguments& p) {
  if (p.late_keys >= 0) return false;  // Where k and v end is known only when the kernel runs.
  return make_box_map(maps.q, p.dtype, p.q, p.queries, p.heads, p.batch, p.q_strides) &&
         make_box_map(maps.k, p.dtype, p.k, p.keys, p.groups, p.batch, p.k_strides) &&
         make_box_map(maps.v, p.dtype, p.v, p.keys, p.groups, p.batch, p.v_strides);
}

// An arrival at the barrier, whose phase does not end before so many bytes have come.
__device__ inline void expect_bytes(std::uint64_t* barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}

__device__ inline void bring_box(std::uint32_t to, const CUtensorMap& map, std::uint64_t* barrier,
                                 int column, int row, int head, int batch) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(to),
      "l"(reinterpret_cast<std::uint64_t>(&map)), "r"(shared_address(barrier)), "r"(column),
      "r"(row), "r"(head), "r"(batch)
      : "memory");
}

}  // namespace paceline::kernels::cuda
