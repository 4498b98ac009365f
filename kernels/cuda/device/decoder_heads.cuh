#pragma once

#include "kernels/cuda/device/decoder_ring.cuh"

// What blocks of a layer's launch hand to each other, and heads of it made ready for attention.
namespace paceline::kernels::cuda::decoder {

// Marked words, one after the other in the launcher's memory behind its first bytes.
struct Words {
  static constexpr std::int64_t first_bytes = 256;
  std::uint32_t *control, *heads, *attended, *middle, *inner;
  std::uint64_t *sums, *scales;  // [head][split][head_width] and [head][split][2].

  __host__ __device__ explicit Words(const DecoderLayer& p)
      : control(static_cast<std::uint32_t*>(p.memory)),
        heads(control + first_bytes / 4),
        attended(heads + (p.heads + 2 * p.groups) * p.head_width),
        middle(attended + p.heads * p.head_width),
        inner(middle + p.width),
        sums(reinterpret_cast<std::uint64_t*>(inner + p.inner)),
        scales(sums + static_cast<std::int64_t>(p.heads) * p.splits * p.head_width) {}

  __host__ __device__ std::int64_t bytes(const DecoderLayer& p) const {
    const std::uint64_t* end = scales + static_cast<std::int64_t>(p.heads) * p.splits * 2;
    return reinterpret_cast<const char*>(end) - reinterpret_cast<const char*>(control);
  }
};

// One row of a head from words: normed, turned, rounded as a step of its own would; by a warp.
template <typename T, int width>
__device__ __forceinline__ void prepare_row(const DecoderLayer& p, const std::uint32_t* words,
                                            const void* norm, bool is_turned, std::uint32_t launch,
                                            float* before, float* row) {
  const int lane = threadIdx.x % 32, first = 4 * lane;
  const bool has_own = first < width;
  const T* cosines = static_cast<const T*>(p.cosines);
  const T* sines = static_cast<const T*>(p.sines);
  if (p.late_cosines >= 0) cosines += p.late[p.late_cosines];
  if (p.late_sines >= 0) sines += p.late[p.late_sines];
  float weight[4] = {}, cosine[4], sine[4];
  int partner[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int at = first + i;
    cosine[i] = 1, sine[i] = 0, partner[i] = at;
    if (!has_own) continue;
    if (norm != nullptr) weight[i] = widen(static_cast<const T*>(norm)[at]) + p.weight_offset;
    if (!is_turned || at >= 2 * p.pairs) continue;
    const bool is_first = p.is_interleaved ? at % 2 == 0 : at < p.pairs;
    const int pair = p.is_interleaved ? at / 2 : is_first ? at : at - p.pairs;
    partner[i] = p.is_interleaved ? at ^ 1 : is_first ? at + p.pairs : at - p.pairs;
    cosine[i] = widen(cosines[pair]);
    sine[i] = widen(sines[pair]);
    if (is_first) sine[i] = -sine[i];
  }
  float own[4] = {};
  if (has_own) {
    uint4 loaded = load_words(words + first);
    for (Patience patience; !is_marked(loaded, launch); loaded = load_words(words + first)) {
      patience.take_turn();
    }
    own[0] = half_of<T>(loaded.x), own[1] = half_of<T>(loaded.y);
    own[2] = half_of<T>(loaded.z), own[3] = half_of<T>(loaded.w);
  }
  __syncwarp();
  if (norm != nullptr) {
    const float squares =
        warp_sum(own[0] * own[0] + own[1] * own[1] + (own[2] * own[2] + own[3] * own[3]));
    const float scale = rsqrtf(squares * (1.f / width) + p.epsilon);
#pragma unroll
    for (int i = 0; i < 4; ++i) own[i] = widen(narrow<T>(own[i] * scale * weight[i]));
  }
  if (has_own) *reinterpret_cast<float4*>(before + first) = {own[0], own[1], own[2], own[3]};
  __syncwarp();
  if (!has_own) return;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (partner[i] != first + i) {
      own[i] = widen(narrow<T>(own[i] * cosine[i] + before[partner[i]] * sine[i]));
    }
  }
  *reinterpret_cast<float4*>(row + first) = {own[0], own[1], own[2], own[3]};
}

}  // namespace paceline::kernels::cuda::decoder
