#pragma once

#include <cmath>
#include <cstdint>

// Attention over some of the keys, four numbers of a row's result at a time, and how results over
// other keys are added up.
namespace paceline::kernels::cuda {

// The largest exponent of two among the scores, the sum of the weights and the values weighed by
// them, weights being powers of two of scores less the largest.
struct alignas(16) Share {
  float4 sums;
  float largest, total;
};

// What exponents are reckoned from: the largest, or 0 when there is none.
__device__ inline float shift_of(float largest) { return largest == -INFINITY ? 0.f : largest; }

// load(0), load(1), ... below `count`, added up in order, so many loads at a time.
template <int at_once = 8, typename Load>
__device__ Share add_shares(int count, Load load) {
  Share all{{0, 0, 0, 0}, -INFINITY, 0};
  for (int from = 0; from < count; from += at_once) {
    Share part[at_once];
#pragma unroll
    for (int j = 0; j < at_once; ++j) {
      part[j] = from + j < count ? load(from + j) : Share{{0, 0, 0, 0}, -INFINITY, 0};
    }
    float best = all.largest;
#pragma unroll
    for (int j = 0; j < at_once; ++j) best = fmaxf(best, part[j].largest);
    const float shift = shift_of(best);
    const auto add = [&](Share& to, const Share& other, float factor) {
      to.sums.x += factor * other.sums.x;
      to.sums.y += factor * other.sums.y;
      to.sums.z += factor * other.sums.z;
      to.sums.w += factor * other.sums.w;
      to.total += factor * other.total;
    };
    Share sum{{0, 0, 0, 0}, best, 0};
    add(sum, all, exp2f(all.largest - shift));
#pragma unroll
    for (int j = 0; j < at_once; ++j) add(sum, part[j], exp2f(part[j].largest - shift));
    all = sum;
  }
  return all;
}

// This lane's share and that of the lane whose number differs by `step`; of the lanes in
// `together`.
__device__ inline Share add_of_lane(const Share& own, int step, unsigned together) {
  const auto of_other = [&](float value) { return __shfl_xor_sync(together, value, step); };
  const Share other{
      {of_other(own.sums.x), of_other(own.sums.y), of_other(own.sums.z), of_other(own.sums.w)},
      of_other(own.largest),
      of_other(own.total)};
  return add_shares<2>(2, [&](int i) { return i == 0 ? own : other; });
}

// Past the first level of caches.
__device__ inline Share load_share(const Share* from) {
  const float4* words = reinterpret_cast<const float4*>(from);
  const float4 sums = __ldcg(words), scales = __ldcg(words + 1);
  return {sums, scales.x, scales.y};
}

}  // namespace paceline::kernels::cuda
