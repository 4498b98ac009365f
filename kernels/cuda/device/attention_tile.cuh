#pragma once

#include <cstdint>

#include "kernels/cuda/device/attention_found.cuh"
#include "kernels/cuda/device/attention_rows.cuh"

// Attention of a warp over sixteen keys in shared memory, on the tensor cores.
namespace paceline::kernels::cuda {

// A tile of sixteen rows in shared memory. Chunks (8 halves) of eight rows one below the other are
// in different banks.
template <int width>
struct Tile {
  static constexpr int chunks = width / 8, bytes = tile_keys * width * 2;

  static __device__ std::uint32_t place(int row, int chunk) {
    return (row * chunks + (chunk ^ (row & 7))) * 16;
  }
  // Rows `first` and on, whole lines of memory at a time; zeros from `end` on.
  template <typename T>
  static __device__ void bring(std::uint32_t to, const T* from, std::int64_t stride, int first,
                               int end) {
    constexpr int together = 32 / chunks;
    const int lane = threadIdx.x % 32, row = lane / chunks, chunk = lane % chunks;
    const T* source = from + (first + row) * stride + chunk * 8;
#pragma unroll
    for (int i = 0; i < tile_keys / together; ++i) {
      const int at = row + i * together;
      const bool is_there = first + at < end;
      copy_async(to + place(at, chunk), is_there ? source : from, is_there);
      source += together * stride;
    }
  }
};

// Scores of sixteen keys: of key lane / 4 and that plus 8, of the lane's rows 8 * tile +
// lane % 4 * 2 and the next.
template <typename T, int width, int row_tiles>
__device__ void score_tile(std::uint32_t keys, const Queries<width, row_tiles>& queries,
                           float (&scores)[row_tiles][4]) {
  const int lane = threadIdx.x % 32;
  float other[row_tiles][4];  // Two chains of products wait less than one.
#pragma unroll
  for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[tile][i] = other[tile][i] = 0;
  }
#pragma unroll
  for (int d = 0; d < width / 16; ++d) {
    std::uint32_t a[4];
    load_matrices(a, keys + Tile<width>::place(lane % 16, 2 * d + lane / 16));
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      multiply_add(d % 2 == 0 ? scores[tile] : other[tile], a, queries.at[tile][d][0],
                   queries.at[tile][d][1], T{});
    }
  }
#pragma unroll
  for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[tile][i] += other[tile][i];
  }
}

// found.sums of product m: of number 16m + lane / 4 and that plus 8 of a row.
template <typename T, int width, int row_tiles>
__device__ void add_tile(std::uint32_t values, const std::uint32_t (&weights)[row_tiles][2],
                         Found<width, row_tiles>& found) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int m = 0; m < width / 16; ++m) {
    std::uint32_t a[4];
    load_matrices_transposed(
        a, values + Tile<width>::place(lane / 16 * 8 + lane % 8, 2 * m + lane / 8 % 2));
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
      multiply_add(found.sums[tile][m], a, weights[tile][0], weights[tile][1], T{});
    }
  }
}

// What a warp found: rows are so far apart that lanes that write at once do so in different banks.
template <int width, int row_tiles>
struct WarpResult {
  float sums[8 * row_tiles][width + 4];
  float2 scales[8 * row_tiles];

  __device__ void store(const Found<width, row_tiles>& found, int row_count) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int tile = 0; tile < row_tiles; ++tile) {
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float total = found.total[tile][r];
#pragma unroll
        for (int s = 4; s < 32; s *= 2) total += __shfl_xor_sync(~0u, total, s);
        const int row = 8 * tile + lane % 4 * 2 + r;
        if (row >= row_count) continue;
        if (lane < 4) scales[row] = make_float2(found.largest[tile][r], total);
#pragma unroll
        for (int m = 0; m < width / 16; ++m) {
          sums[row][16 * m + lane / 4] = found.sums[tile][m][r];
          sums[row][16 * m + lane / 4 + 8] = found.sums[tile][m][2 + r];
        }
      }
    }
  }
};

}  // namespace paceline::kernels::cuda
