#include "kernels/cuda/device/decoder_layer.h"

#include <algorithm>

#include "kernels/cuda/device/decoder_attention.cuh"
#include "kernels/cuda/device/decoder_combine.cuh"
#include "kernels/cuda/device/fault.h"

namespace paceline::kernels::cuda {
namespace {

using namespace decoder;

// A vector of `count` elements, four of a thread at a time, from memory or from words that are
// waited for, to x in shared memory from `to_byte` on as load_chunk() wants it. With a norm they
// are multiplied by its weights; returned is this thread's part of their squares.
template <typename T>
__device__ __noinline__ float gather(const void* from, bool is_words, std::uint32_t launch,
                                     int count, const void* norm, float offset, int to_byte) {
  constexpr int at_once = 2;
  const auto* words = static_cast<const std::uint32_t*>(from);
  float4* x = reinterpret_cast<float4*>(shared_memory + to_byte);
  const int fours = count / 4;
  float squares = 0;
#pragma unroll 1
  for (int base = threadIdx.x; base < fours; base += at_once * consumers) {
    uint2 weights[at_once], halves_of[at_once];
#pragma unroll
    for (int j = 0; j < at_once; ++j) {
      const int at = base + j * consumers;
      weights[j] = make_uint2(0, 0);
      if (norm != nullptr && at < fours) weights[j] = __ldg(static_cast<const uint2*>(norm) + at);
      if (!is_words && at < fours) halves_of[j] = static_cast<const uint2*>(from)[at];
    }
    if (is_words) {
      // One lane waits for the warp: all blocks look for the same words, whose writers need the
      // cache, too.
      Patience patience;
      if (threadIdx.x % 32 == 0) {
        while (!is_marked(load_words(words + 4 * base), launch)) patience.take_turn();
      }
      uint4 loaded[at_once];
      bool is_there;
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
        halves_of[j].x = __byte_perm(loaded[j].x, loaded[j].y, 0x5410);
        halves_of[j].y = __byte_perm(loaded[j].z, loaded[j].w, 0x5410);
      }
    }
#pragma unroll
    for (int j = 0; j < at_once; ++j) {
      const int at = base + j * consumers;
      if (at >= fours) break;
      float element[8], weight[8];
      unpack(make_uint4(halves_of[j].x, halves_of[j].y, 0, 0), element, T{});
      float4 to{element[0], element[1], element[2], element[3]};
      if (norm != nullptr) {
        squares += to.x * to.x + to.y * to.y + (to.z * to.z + to.w * to.w);
        unpack(make_uint4(weights[j].x, weights[j].y, 0, 0), weight, T{});
        to.x *= weight[0] + offset;
        to.y *= weight[1] + offset;
        to.z *= weight[2] + offset;
        to.w *= weight[3] + offset;
      }
      x[at % 2 * (fours / 2) + at / 2] = to;
    }
  }
  return squares;
}

// From every thread's part, all consumers; they must meet once more before it is called again.
__shared__ float of_warps[warps];
__device__ __forceinline__ float norm_scale(const DecoderLayer& p, float squares) {
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
__device__ __forceinline__ void consume(const DecoderLayer& p, std::uint32_t launch,
                                        std::int64_t start, bool appends) {
  const bool attends = static_cast<int>(blockIdx.x) < p.parts * p.splits;
  const int scratch = p.slots * slot_bytes;
  if (attends) {
    const AttentionShare share(p, start);
    const char* keys = rows_of_group<width>(p, p.keys, share.group);
    const char* values = rows_of_group<width>(p, p.values, share.group);
    KeyLanes<width>::expect(keys, share.begin, share.end);
    KeyLanes<width>::expect(values, share.begin, share.end);
  }
  const Words words(p);
  expect_words(p, words);

  float part = gather<T>(p.x, false, launch, p.width, p.norm, p.weight_offset, scratch);
  Place place = multiply<T>(p.products[0], Place(p.slots), scratch,
                            {.launch = launch, .scale = norm_scale(p, part), .words = words.heads});

  if (attends) attend<T, width, together>(p, scratch, start, appends, launch);
  combine<T>(p, launch);

  meet_consumers();
  gather<T>(words.attended, true, launch, p.heads * width, nullptr, 0, scratch);
  meet_consumers();
  place = multiply<T>(p.products[1], place, scratch,
                      {.residual = p.x, .launch = launch, .words = words.middle});

  meet_consumers();
  part = gather<T>(words.middle, true, launch, p.width, p.inner_norm, p.weight_offset, scratch);
  place = multiply<T>(p.products[2], place, scratch,
                      {.is_gated = true,
                       .activation = p.activation,
                       .launch = launch,
                       .scale = norm_scale(p, part),
                       .words = words.inner});

  meet_consumers();
  gather<T>(words.inner, true, launch, p.inner, nullptr, 0, scratch);
  meet_consumers();
  multiply<T>(
      p.products[3], place, scratch,
      {.residual = words.middle, .residual_is_words = true, .launch = launch, .out = p.out});
}

// Blocks wait for each other's words, so all of them must be there: see the launch. No thread
// leaves early, whatever the data are.
template <typename T, int width, int together>
__global__ void __launch_bounds__(block_threads, 1)
    decode_layer(const __grid_constant__ DecoderLayer p, FaultPlace fault) {
  prefetch_slots(p);
  wait_for_earlier();
  if (brings()) {
    bring_weights(p, p.weights_last ? p.slots : 0, INT32_MAX);
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
  consume<T, width, together>(p, launch, start, is_within);
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
      std::max({4 * p.width, 4 * p.heads * p.head_width, 4 * p.inner, attention_bytes(p)});
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
