#include <algorithm>

#include "kernels/cuda/device/head_pieces.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/norms.h"
#include "kernels/cuda/device/row_registers.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;

// A thread a pair, or an element behind the pairs. Pair i is elements (i, i + pairs), or (2i, 2i +
// 1) when interleaved; both are read before either is written, so `out` may be `x`.
template <typename T>
__global__ void rope_of_any(RopeRows rows, std::int64_t parts) {
  wait_for_earlier();
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
  const std::int64_t row = place / parts, part = place - row * parts;
  if (row >= rows.rows.count) return;
  std::int64_t at[4];
  rows.rows.find(row, at);
  const T* x = static_cast<const T*>(rows.rows.data[0]) + at[0];
  T* out = static_cast<T*>(rows.rows.data[3]) + at[3];
  if (part >= rows.pairs) {
    const std::int64_t i = part + rows.pairs;
    out[i * rows.steps[3]] = x[i * rows.steps[0]];
    return;
  }
  const std::int64_t first = rows.is_interleaved ? 2 * part : part;
  const std::int64_t second = first + (rows.is_interleaved ? 1 : rows.pairs);
  const auto a = widen(x[first * rows.steps[0]]), b = widen(x[second * rows.steps[0]]);
  const auto c = widen(static_cast<const T*>(rows.rows.data[1])[at[1] + part * rows.steps[1]]);
  const auto s = widen(static_cast<const T*>(rows.rows.data[2])[at[2] + part * rows.steps[2]]);
  out[first * rows.steps[3]] = narrow<T>(a * c - b * s);
  out[second * rows.steps[3]] = narrow<T>(b * c + a * s);
}

// Where rows and strides are whole pieces of 16 bytes. Places of the walk are runs of `each` rows.
template <typename T, int lanes, int each, bool is_interleaved>
__global__ void __launch_bounds__(run_block_threads)
    rope_of_runs(RopeRows rows, std::int64_t x_apart, std::int64_t cosines_apart,
                 std::int64_t sines_apart, std::int64_t out_apart) {
  wait_for_earlier();
  using Pieces = HeadPieces<T>;
  const std::int64_t run =
      static_cast<std::int64_t>(blockIdx.x) * (run_block_threads / lanes) + threadIdx.x / lanes;
  const int lane = threadIdx.x % lanes;
  if (run >= rows.rows.count || lane * Pieces::pair >= rows.width) return;
  const PieceParts parts(lane, Pieces::chunk, static_cast<int>(rows.pairs), is_interleaved);
  std::int64_t at[4];
  rows.rows.find(run, at);
  const T* x = static_cast<const T*>(rows.rows.data[0]) + at[0];
  const T* cosines = static_cast<const T*>(rows.rows.data[1]) + at[1] + parts.angle;
  const T* sines = static_cast<const T*>(rows.rows.data[2]) + at[2] + parts.angle;
  T* out = static_cast<T*>(rows.rows.data[3]) + at[3];
  using Piece = typename Pieces::Piece;
  Pieces pieces[each];
  Piece c[each], s[each];
#pragma unroll
  for (int j = 0; j < each; ++j) pieces[j].load(x + j * x_apart, parts.first, parts.second);
  if (parts.is_rotated) {
#pragma unroll
    for (int j = 0; j < each; ++j) {
      c[j] = *reinterpret_cast<const Piece*>(cosines + j * cosines_apart);
      s[j] = *reinterpret_cast<const Piece*>(sines + j * sines_apart);
    }
#pragma unroll
    for (int j = 0; j < each; ++j) pieces[j].template rotate<is_interleaved>(c[j], s[j]);
  }
#pragma unroll
  for (int j = 0; j < each; ++j) pieces[j].store(out + j * out_apart, parts.first, parts.second);
}

template <typename T, int lanes, int each>
bool start_runs(RopeRows rows, const LaunchPlace& place) {
  std::int64_t apart[4];
  if (!split_into_runs(rows.rows, each, apart)) return false;
  const auto kernel = rows.is_interleaved ? rope_of_runs<T, lanes, each, true>
                                          : rope_of_runs<T, lanes, each, false>;
  start_kernel(kernel, run_blocks(rows.rows.count, lanes), run_block_threads, 0, place, rows,
               apart[0], apart[1], apart[2], apart[3]);
  return true;
}

template <typename T>
bool start_pieces(const RopeRows& rows, const LaunchPlace& place) {
  if (!has_whole_lanes<T>(rows.width, rows.pairs) || !takes_pieces(rows, sizeof(T))) return false;
  visit_lanes(rows.width / HeadPieces<T>::pair, [&]<int lanes>() {
    constexpr int each = run_rows / 2;  // A lane has two pieces of a row.
    const bool are_many = run_length(rows.rows.count, lanes) > 1;
    if (!are_many || !start_runs<T, lanes, each>(rows, place)) start_runs<T, lanes, 1>(rows, place);
  });
  return true;
}

}  // namespace

void launch_rope(const RopeRows& rows, Element dtype, const LaunchPlace& place) {
  const std::int64_t parts = rows.width - rows.pairs;
  const std::int64_t count = rows.rows.count * parts;
  if (count == 0) return;
  visit_floats(dtype, [&]<typename T>() {
    if constexpr (sizeof(T) <= 4) {
      if (start_pieces<T>(rows, place)) return;
    }
    const auto blocks = static_cast<unsigned>((count + block_threads - 1) / block_threads);
    start_kernel(rope_of_any<T>, blocks, block_threads, 0, place, rows, parts);
  });
}

}  // namespace paceline::kernels::cuda
