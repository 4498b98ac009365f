#include "kernels/cuda/device/decoder_layer.h"

#include <algorithm>

#include "kernels/cuda/device/decoder_attention.cuh"
#include "kernels/cuda/device/decoder_combine.cuh"
#include "kernels/cuda/device/fault.h"
#include "kernels/cuda/device/final_activation.cuh"

namespace paceline::kernels::cuda {
namespace {

using namespace decoder;

// A vector of `count` elements, four of a thread at a time, to x in shared memory as load_chunk()
// wants it. load(i) gives elements 4 * i and on. Normed ones are multiplied by the norm's weights;
// returned is this thread's part of their squares.
template <typename T, bool is_normed, typename Load>
__device__ __forceinline__ float gather(int count, const void* norm, float offset, void* x,
                                        const Load& load) {
  constexpr int at_once = is_normed ? 2 : 4;
  const int fours = count / 4;
  float squares = 0;
  for (int base = threadIdx.x; base < fours; base += at_once * consumers) {
    uint2 weights[at_once], halves[at_once];
    if constexpr (is_normed) {
#pragma unroll
      for (int j = 0; j < at_once; ++j) {
        const int at = base + j * consumers;
        if (at < fours) weights[j] = __ldg(static_cast<const uint2*>(norm) + at);
      }
    }
    load(base, fours, halves);
#pragma unroll
    for (int j = 0; j < at_once; ++j) {
      const int at = base + j * consumers;
      if (at >= fours) break;
      if constexpr (is_normed) {
        float element[8], weight[8];
        unpack(make_uint4(halves[j].x, halves[j].y, 0, 0), element, T{});
        unpack(make_uint4(weights[j].x, weights[j].y, 0, 0), weight, T{});
        float4 to;
        squares += element[0] * element[0] + element[1] * element[1] +
                   (element[2] * element[2] + element[3] * element[3]);
        to.x = element[0] * (weight[0] + offset);
        to.y = element[1] * (weight[1] + offset);
        to.z = element[2] * (weight[2] + offset);
        to.w = element[3] * (weight[3] + offset);
        static_cast<float4*>(x)[at % 2 * (fours / 2) + at / 2] = to;
      } else {
        static_cast<uint2*>(x)[at] = halves[j];
      }
    }
  }
  return squares;
}

// For gather(): elements that lie in memory, or words that are waited for.
template <typename T>
struct FromMemory {
  const void* data;

  template <int at_once>
  __device__ __forceinline__ void operator()(int base, int fours, uint2 (&to)[at_once]) const {
#pragma unroll
    for (int j = 0; j < at_once; ++j) {
      const int at = base + j * consumers;
      if (at < fours) to[j] = static_cast<const uint2*>(data)[at];
    }
  }
};
struct FromWords {
  const std::uint32_t* words;
  std::uint32_t launch;

  template <int at_once>
  __device__ __forceinline__ void operator()(int base, int fours, uint2 (&to)[at_once]) const {
    uint4 loaded[at_once];
    bool is_there;
    Patience patience;
    do {
      patience.take_turn();
      is_there = true;
#pragma unroll
      for (int j = 0; j < at_once; ++j) {
        const int at = base + j * consumers;
        if (at < fours) loaded[j] = load_words(words + 4 * at);
      }
#pragma unroll
      for (int j = 0; j < at_once; ++j) {
        if (base + j * consumers < fours) is_there = is_there && is_marked(loaded[j], launch);
      }
    } while (!is_there);
#pragma unroll
    for (int j = 0; j < at_once; ++j) {
      to[j].x = __byte_perm(loaded[j].x, loaded[j].y, 0x5410);
      to[j].y = __byte_perm(loaded[j].z, loaded[j].w, 0x5410);
    }
  }
};

// From every thread's part, all consumers; they must meet once more before it is called again.
__device__ __forceinline__ float norm_scale(const DecoderLayer& p, float squares, float* of_warps) {
  squares = warp_sum(squares);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = squares;
  meet_consumers();
  float sum = 0;
#pragma unroll
  for (int w = 0; w < warps; ++w) sum += of_warps[w];
  return 1 / sqrtf(sum / static_cast<float>(p.width) + p.epsilon);
}

// Asks for what is read later, and once, by all blocks.
__device__ __forceinline__ void expect_words(const DecoderLayer& p, const Words& words) {
  const std::int64_t lines = (words.bytes(p) + 127) / 128;
  const char* memory = static_cast<const char*>(p.memory);
  for (std::int64_t line = threadIdx.x * std::int64_t{gridDim.x} + blockIdx.x; line < lines;
       line += std::int64_t{consumers} * gridDim.x) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(memory + line * 128));
  }
  const int norm_lines = p.width * 2 / 128;
  for (int line = threadIdx.x; line < norm_lines; line += consumers) {
    asm volatile(
        "prefetch.global.L2 [%0];" ::"l"(static_cast<const char*>(p.inner_norm) + line * 128));
  }
}

template <typename T, int width, int together>
__device__ __forceinline__ void consume(const DecoderLayer& p, const Ring& ring, char* scratch,
                                        float* squares, Halves& halves, std::uint32_t launch,
                                        std::int64_t start, bool appends) {
  const Words words(p);
  Place place;
  const bool attends = static_cast<int>(blockIdx.x) < p.parts * p.splits;
  const AttentionShare share(p, start);
  if (attends) {
    const char* keys = rows_of_group<width>(p, p.keys, share.group);
    const char* values = rows_of_group<width>(p, p.values, share.group);
    KeyLanes<width>::expect(keys, share.begin, share.end);
    KeyLanes<width>::expect(values, share.begin, share.end);
  }
  expect_words(p, words);
  const auto nothing = [](int) { return 0.f; };

  float part = gather<T, true>(p.width, p.norm, p.weight_offset, scratch, FromMemory<T>{p.x});
  float scale = norm_scale(p, part, squares);
  multiply<T, true, false>(p.products[0], ring, place, scratch, halves, nothing,
                           [&](int column, float, float sum, float) {
                             store_word(words.heads + column,
                                        marked_half(narrow<T>(sum * scale), launch));
                           });

  if (attends) attend<T, width, together>(p, words, scratch, share, start, appends, launch);
  combine<T>(p, words, launch);

  meet_consumers();
  gather<T, false>(p.heads * width, nullptr, 0, scratch, FromWords{words.attended, launch});
  meet_consumers();
  multiply<T, false, false>(
      p.products[1], ring, place, scratch, halves,
      [&](int column) { return widen(static_cast<const T*>(p.x)[column]); },
      [&](int column, float residual, float sum, float) {
        store_word(words.middle + column, marked_half(narrow<T>(sum + residual), launch));
      });

  meet_consumers();
  part = gather<T, true>(p.width, p.inner_norm, p.weight_offset, scratch,
                         FromWords{words.middle, launch});
  scale = norm_scale(p, part, squares);
  multiply<T, true, true>(p.products[2], ring, place, scratch, halves, nothing,
                          [&](int column, float, float gate, float up) {
                            const float gated = activate(p.activation, gate * scale) * (up * scale);
                            store_word(words.inner + column, marked_half(narrow<T>(gated), launch));
                          });

  meet_consumers();
  gather<T, false>(p.inner, nullptr, 0, scratch, FromWords{words.inner, launch});
  meet_consumers();
  multiply<T, false, false>(
      p.products[3], ring, place, scratch, halves,
      [&](int column) { return await_half<T>(words.middle + column, launch); },
      [&](int column, float residual, float sum, float) {
        static_cast<T*>(p.out)[column] = narrow<T>(sum + residual);
      });
}

// Blocks wait for each other's words, so all of them must be there: see the launch. No thread
// leaves early, whatever the data are.
template <typename T, int width, int together>
__global__ void __launch_bounds__(block_threads, 1)
    decode_layer(const __grid_constant__ DecoderLayer p, FaultPlace fault) {
  extern __shared__ __align__(128) char memory[];
  __shared__ std::uint64_t full[slots_max], empty[slots_max];
  __shared__ float squares[warps];
  __shared__ Halves halves;
  prefetch_slots(p, Ring{memory, full, empty, p.slots});
  wait_for_earlier();
  const Ring ring{memory, full, empty, p.slots};
  if (brings()) {
    bring_weights(p, ring, p.weights_last ? p.slots : 0, INT32_MAX);
    return;
  }
  std::uint32_t* control = static_cast<std::uint32_t*>(p.memory);
  const std::uint32_t launch = load_word(control) + 1;
  std::int64_t start = p.start.late != nullptr ? *p.start.late : p.start.value;
  const bool is_within = start >= 0 && start < p.capacity;
  if (!is_within) {
    if (blockIdx.x == 0 && threadIdx.x == 0) fault.report(fault_outside, start, 0, p.capacity);
    start = 0;  // The results mean nothing, and nothing is appended.
  }
  consume<T, width, together>(p, ring, memory + p.slots * slot_bytes, squares, halves, launch,
                              start, is_within);
  // All threads of all blocks know the launch's number once their blocks have come here.
  meet_consumers();
  if (threadIdx.x != 0) return;
  __threadfence();
  if (atomicAdd(control + 1, 1u) == gridDim.x - 1) {
    control[1] = 0;
    control[0] = launch;
  }
}

template <typename T, int width, int together>
void start_layer(const DecoderLayer& layer, std::int32_t blocks, bool is_early,
                 const LaunchPlace& place) {
  const auto kernel = decode_layer<T, width, together>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, layer.shared_bytes);
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeCooperative;
  attributes[0].val.cooperative = 1;
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(block_threads);
  config.dynamicSmemBytes = static_cast<std::size_t>(layer.shared_bytes);
  config.stream = place.stream;
  config.attrs = attributes;
  config.numAttrs = is_early ? 2 : 1;
  cudaLaunchKernelEx(&config, kernel, layer,
                     FaultPlace{static_cast<Fault*>(place.fault), place.step});
}

template <typename T, int width>
void start_together(const DecoderLayer& layer, std::int32_t blocks, bool is_early,
                    const LaunchPlace& place) {
  if (layer.heads_together == 1) return start_layer<T, width, 1>(layer, blocks, is_early, place);
  if (layer.heads_together == 2) return start_layer<T, width, 2>(layer, blocks, is_early, place);
  start_layer<T, width, 4>(layer, blocks, is_early, place);
}

template <typename T>
void start_typed(const DecoderLayer& layer, std::int32_t blocks, bool is_early,
                 const LaunchPlace& place) {
  layer.head_width == 64 ? start_together<T, 64>(layer, blocks, is_early, place)
                         : start_together<T, 128>(layer, blocks, is_early, place);
}

std::int32_t attention_bytes(const DecoderLayer& p) {
  const auto bytes = [&]<int width>() {
    if (p.heads_together == 1) return sizeof(AttentionScratch<width, 1>);
    if (p.heads_together == 2) return sizeof(AttentionScratch<width, 2>);
    return sizeof(AttentionScratch<width, 4>);
  };
  return static_cast<std::int32_t>(p.head_width == 64 ? bytes.operator()<64>()
                                                      : bytes.operator()<128>());
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

}  // namespace

bool plan_decoder_layer(DecoderLayer& p, std::int32_t blocks, std::int32_t shared_bytes) {
  if (p.dtype != Element::f16 && p.dtype != Element::bf16) return false;
  if (p.head_width != 64 && p.head_width != 128) return false;
  if (p.heads <= 0 || p.groups <= 0 || p.heads % p.groups != 0 || p.groups > blocks) return false;
  if (p.width <= 0 || p.width % 8 != 0 || p.inner <= 0 || p.inner % 8 != 0) return false;
  for (const void* address :
       {p.x, p.norm, p.wq, p.wk, p.wv, p.wo, p.inner_norm, p.wg, p.wu, p.wd,
        static_cast<const void*>(p.keys), static_cast<const void*>(p.values)}) {
    if (!is_aligned(address)) return false;
  }
  const int shared = p.heads / p.groups, chunks = (shared + 3) / 4;
  p.heads_together = (shared + chunks - 1) / chunks;
  p.parts = p.groups * ((shared + p.heads_together - 1) / p.heads_together);
  if (p.parts > blocks) return false;
  p.splits = blocks / p.parts;
  const int columns[] = {(p.heads + 2 * p.groups) * p.head_width, p.width, p.inner, p.width};
  const int depths[] = {p.width, p.heads * p.head_width, p.width, p.inner};
  int first_block = 0;
  for (int i = 0; i < 4; ++i) {
    p.products[i] = {depths[i], columns[i] / unit_columns, first_block,
                     (depths[i] + chunk - 1) / chunk};
    first_block = (first_block + p.products[i].units) % blocks;
  }
  constexpr int static_bytes = 1024;  // Barriers and squares.
  p.scratch_bytes =
      std::max({4 * p.width, 2 * p.heads * p.head_width, 2 * p.inner, attention_bytes(p)});
  p.scratch_bytes = (p.scratch_bytes + 127) / 128 * 128;
  p.slots = std::min((shared_bytes - static_bytes - p.scratch_bytes) / slot_bytes, slots_max);
  p.shared_bytes = p.slots * slot_bytes + p.scratch_bytes;
  return p.slots >= 2;
}

std::int64_t decoder_layer_bytes(const DecoderLayer& layer) { return Words(layer).bytes(layer); }

void launch_decoder_layer(const DecoderLayer& layer, std::int32_t blocks, bool is_early,
                          const LaunchPlace& place) {
  layer.dtype == Element::f16 ? start_typed<__half>(layer, blocks, is_early, place)
                              : start_typed<__nv_bfloat16>(layer, blocks, is_early, place);
}

}  // namespace paceline::kernels::cuda
