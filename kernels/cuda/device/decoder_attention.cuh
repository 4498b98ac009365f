#pragma once

#include <cmath>

#include "kernels/cuda/device/attention_parts.cuh"
#include "kernels/cuda/device/attention_shares.cuh"
#include "kernels/cuda/device/decoder_heads.cuh"

// Attention of one token inside a layer's launch: each block has some of the keys of some heads
// that share them, and what blocks found is added up by warps elsewhere: decoder_combine.cuh.
namespace paceline::kernels::cuda::decoder {

// What the block's warps have for each other.
template <int width, int together>
struct AttentionScratch {
  static constexpr int rows = together + 2;  // Of queries, and the new key and value.
  float before[rows][width], row[rows][width];
  float sums[warps][together][width];
  float2 scales[warps][together];
};

// Which keys and heads a block has. Keys before the token's own lie in the cache.
struct AttentionShare {
  int group, first_head, head_count, split;
  int begin, end;
  bool has_own_key, is_first_of_group;

  __device__ AttentionShare(const DecoderLayer& p, std::int64_t start) {
    const int part = static_cast<int>(blockIdx.x) / p.splits;
    split = static_cast<int>(blockIdx.x) % p.splits;
    const int of_group = p.parts / p.groups, shared = p.heads / p.groups;
    group = part / of_group;
    const int own_first = part % of_group * p.heads_together;
    first_head = group * shared + own_first;
    head_count = min(p.heads_together, shared - own_first);
    is_first_of_group = own_first == 0;
    has_own_key = split == p.splits - 1;
    const int keys = static_cast<int>(start);
    const int first =
        p.window > 0 ? static_cast<int>(max(std::int64_t{0}, start + 1 - p.window)) : 0;
    const int each = (keys - first + p.splits - 1) / p.splits;
    begin = static_cast<int>(min(std::int64_t{first} + std::int64_t{split} * each, start));
    end = min(begin + each, keys);
  }
};

template <int width>
struct KeyLanes {
  static constexpr int lanes = width / 8;               // That share a key.
  static constexpr int keys = 32 / lanes;               // Of a warp at a time.
  static constexpr int step = warps * keys, steps = 2;  // Of a block at a time; loaded together.
  static constexpr int all = step * steps;

  // The lane's key of step 0, from a block's first.
  __device__ static int own() {
    return threadIdx.x / 32 * keys + static_cast<int>(threadIdx.x) % 32 / lanes;
  }
  __device__ static int piece() { return static_cast<int>(threadIdx.x) % lanes; }

  __device__ static void load(const char* rows, int at, int end, uint4 (&to)[steps]) {
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      const int key = at + own() + s * step;
      to[s] = make_uint4(0, 0, 0, 0);
      if (key < end) to[s] = load_stream(rows + std::int64_t{key} * (width * 2) + piece() * 16);
    }
  }
  // Asks for a block's first keys.
  __device__ static void expect(const char* rows, int at, int end) {
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      const int key = at + own() + s * step;
      if (key < end && piece() % 8 == 0) {
        asm volatile("prefetch.global.L2 [%0];" ::"l"(rows + std::int64_t{key} * (width * 2) +
                                                      piece() * 16));
      }
    }
  }
};

template <int width>
__device__ __forceinline__ const char* rows_of_group(const DecoderLayer& p, const void* states,
                                                     int group) {
  return static_cast<const char*>(states) + group * p.capacity * (width * 2);
}

template <int width>
__device__ __forceinline__ float over_key(float value) {
#pragma unroll
  for (int s = KeyLanes<width>::lanes / 2; s > 0; s /= 2) {
    value += __shfl_xor_sync(~0u, value, s);
  }
  return value;
}

// An exponent of two. The hyperbolic tangent of a cap is within 2^-21 of its own largest value.
struct Scores {
  float scale, softcap;

  __device__ __forceinline__ float operator()(float product) const {
    constexpr float log2e = 1.4426950408889634f;
    float score = product * scale;
    if (softcap > 0) {
      const float growth = exp2f(score / softcap * (2 * log2e));
      score = softcap * (1 - __fdividef(2.f, growth + 1));
    }
    return score * log2e;
  }
};

__device__ __forceinline__ float dot(const float (&a)[8], const float (&b)[8]) {
  float even = 0, odd = 0;
#pragma unroll
  for (int i = 0; i < 8; i += 2) even = fmaf(a[i], b[i], even), odd = fmaf(a[i + 1], b[i + 1], odd);
  return even + odd;
}

__device__ __forceinline__ void load_row(const float* from, float (&to)[8]) {
  const float4 low = reinterpret_cast<const float4*>(from)[0];
  const float4 high = reinterpret_cast<const float4*>(from)[1];
  to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w;
  to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
}

// What the lanes of one key have found of each head: the largest score, weights, weighed values.
template <int together>
struct LaneFound {
  float largest[together], total[together], sums[together][8];

  __device__ LaneFound() {
#pragma unroll
    for (int h = 0; h < together; ++h) {
      largest[h] = -INFINITY, total[h] = 0;
#pragma unroll
      for (int i = 0; i < 8; ++i) sums[h][i] = 0;
    }
  }
  // Makes room for scores as large as `other`.
  __device__ __forceinline__ void raise(int h, float other) {
    const float best = fmaxf(largest[h], other);
    const float factor = power_of_two(largest[h] - shift_of(best));
    largest[h] = best;
    total[h] *= factor;
#pragma unroll
    for (int i = 0; i < 8; ++i) sums[h][i] *= factor;
  }
  __device__ __forceinline__ void add(int h, float score, const float (&value)[8]) {
    const float weight = power_of_two(score - shift_of(largest[h]));
    total[h] += weight;
#pragma unroll
    for (int i = 0; i < 8; ++i) sums[h][i] = fmaf(weight, value[i], sums[h][i]);
  }
};

// The block's part of attention to words. All consumers; `states` and words of q, k and v are read,
// the token's own key and value appended. `memory`: the first byte of its scratch.
template <typename T, int width, int together>
__device__ __noinline__ void attend(const DecoderLayer& p, int memory, std::int64_t start,
                                    bool appends, std::uint32_t launch) {
  using Lanes = KeyLanes<width>;
  const Words words(p);
  const AttentionShare share(p, start);
  const Scores score_of{p.scale, p.softcap};
  auto& scratch = *reinterpret_cast<AttentionScratch<width, together>*>(shared_memory + memory);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const char* keys = rows_of_group<width>(p, p.keys, share.group);
  const char* values = rows_of_group<width>(p, p.values, share.group);
  uint4 key[Lanes::steps], value[Lanes::steps];
  Lanes::load(keys, share.begin, share.end, key);
  Lanes::load(values, share.begin, share.end, value);

  meet_consumers();  // Nobody needs what lay in the scratch.
  if (warp < together + 2) {
    const bool is_query = warp < together;
    const bool is_key = warp == together;
    if (is_query ? warp < share.head_count : share.has_own_key) {
      const int head =
          is_query ? share.first_head + warp : p.heads + share.group + (is_key ? 0 : p.groups);
      prepare_row<T, width>(p, words.heads + head * width,
                            is_query ? p.q_norm
                            : is_key ? p.k_norm
                                     : nullptr,
                            is_query || is_key, launch, scratch.before[warp], scratch.row[warp]);
      if (!is_query && share.is_first_of_group && appends) {
        T* to = static_cast<T*>(is_key ? p.keys : p.values) +
                (share.group * p.capacity + start) * width;
        __syncwarp();
        for (int i = lane; i < width; i += 32) to[i] = narrow<T>(scratch.row[warp][i]);
      }
    }
  }
  meet_consumers();

  LaneFound<together> found;
  // The last turn of a warp is for the token's own key.
  for (int at = share.begin;; at += Lanes::all) {
    const bool is_own = at >= share.end;
    if (is_own) {
      if (!share.has_own_key || warp != 0) break;
      float own[8];
      load_row(&scratch.row[together][Lanes::piece() * 8], own);
      key[0] = pack(own, T{});
      load_row(&scratch.row[together + 1][Lanes::piece() * 8], own);
      value[0] = pack(own, T{});
    }
    float scores[Lanes::steps][together];
#pragma unroll
    for (int h = 0; h < together; ++h) {
      if (h >= share.head_count) break;
      float query[8];
      load_row(&scratch.row[h][Lanes::piece() * 8], query);
#pragma unroll
      for (int s = 0; s < Lanes::steps; ++s) {
        float element[8];
        unpack(key[s], element, T{});
        const float score = score_of(over_key<width>(dot(query, element)));
        const bool is_there = is_own ? s == 0 && lane < Lanes::lanes
                                     : at + Lanes::own() + s * Lanes::step < share.end;
        scores[s][h] = is_there ? score : -INFINITY;
      }
    }
    Lanes::load(keys, at + Lanes::all, share.end, key);
    float elements[Lanes::steps][8];
#pragma unroll
    for (int s = 0; s < Lanes::steps; ++s) unpack(value[s], elements[s], T{});
    Lanes::load(values, at + Lanes::all, share.end, value);
#pragma unroll
    for (int h = 0; h < together; ++h) {
      if (h >= share.head_count) break;
      float best = scores[0][h];
#pragma unroll
      for (int s = 1; s < Lanes::steps; ++s) best = fmaxf(best, scores[s][h]);
      found.raise(h, best);
#pragma unroll
      for (int s = 0; s < Lanes::steps; ++s) found.add(h, scores[s][h], elements[s]);
    }
    if (is_own) break;
  }

  // Over the warp's keys, then over warps.
#pragma unroll
  for (int h = 0; h < together; ++h) {
    if (h >= share.head_count) break;
    float best = found.largest[h];
#pragma unroll
    for (int s = Lanes::lanes; s < 32; s *= 2) best = fmaxf(best, __shfl_xor_sync(~0u, best, s));
    found.raise(h, best);
#pragma unroll
    for (int s = Lanes::lanes; s < 32; s *= 2) {
      found.total[h] += __shfl_xor_sync(~0u, found.total[h], s);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        found.sums[h][i] += __shfl_xor_sync(~0u, found.sums[h][i], s);
      }
    }
    if (lane < Lanes::lanes) {
      float4* to = reinterpret_cast<float4*>(&scratch.sums[warp][h][Lanes::piece() * 8]);
      to[0] = {found.sums[h][0], found.sums[h][1], found.sums[h][2], found.sums[h][3]};
      to[1] = {found.sums[h][4], found.sums[h][5], found.sums[h][6], found.sums[h][7]};
    }
    if (lane == 0) scratch.scales[warp][h] = {found.largest[h], found.total[h]};
  }
  meet_consumers();
  const int tid = threadIdx.x;
  if (tid >= share.head_count * width) return;
  const int h = tid / width, at = tid % width;
  float best = -INFINITY, sum = 0, total = 0;
#pragma unroll
  for (int w = 0; w < warps; ++w) best = fmaxf(best, scratch.scales[w][h].x);
#pragma unroll
  for (int w = 0; w < warps; ++w) {
    const float2 scale = scratch.scales[w][h];
    const float factor = power_of_two(scale.x - shift_of(best));
    sum = fmaf(factor, scratch.sums[w][h][at], sum);
    total = fmaf(factor, scale.y, total);
  }
  const std::int64_t place =
      static_cast<std::int64_t>(share.first_head + h) * p.splits + share.split;
  store_float(words.sums + place * width + at, sum, launch);
  if (at == 0) {
    store_float(words.scales + 2 * place, best, launch);
    store_float(words.scales + 2 * place + 1, total, launch);
  }
}

}  // namespace paceline::kernels::cuda::decoder
