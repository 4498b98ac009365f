#include <algorithm>

#include "kernels/cuda/device/norms.h"
#include "kernels/cuda/device/types.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;

// A thread a pair, or an element behind the pairs. Pair i is elements (i, i + pairs), or (2i, 2i +
// 1) when interleaved; both are read before either is written, so `out` may be `x`.
template <typename T>
__global__ void rope(RopeRows rows, std::int64_t parts) {
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

}  // namespace

void launch_rope(const RopeRows& rows, Element dtype, const LaunchPlace& place) {
  const std::int64_t parts = rows.width - rows.pairs;
  const std::int64_t count = rows.rows.count * parts;
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>((count + block_threads - 1) / block_threads);
  visit_floats(dtype, [&]<typename T>() {
    rope<T><<<blocks, block_threads, 0, place.stream>>>(rows, parts);
  });
}

}  // namespace paceline::kernels::cuda
