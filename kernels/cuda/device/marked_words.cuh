#pragma once

#include <cstdint>

#include "kernels/cuda/device/floats.cuh"

// What blocks of one launch hand to each other through memory, without barriers: words that carry a
// mark of the launch beside the value, so that whoever reads a word knows whether it is there.
// Every word is written once a launch, and marks differ from launch to launch.
namespace paceline::kernels::cuda {

// A half in the low bits and 16 bits of the launch's number in the high ones.
template <typename T>
__device__ __forceinline__ std::uint32_t marked_half(T value, std::uint32_t launch) {
  static_assert(sizeof(T) == 2);
  return *reinterpret_cast<const std::uint16_t*>(&value) | launch << 16;
}

template <typename T>
__device__ __forceinline__ float half_of(std::uint32_t word) {
  const auto bits = static_cast<std::uint16_t>(word);
  return widen(*reinterpret_cast<const T*>(&bits));
}

__device__ __forceinline__ void store_word(std::uint32_t* to, std::uint32_t word) {
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(to), "r"(word) : "memory");
}

// A float with the launch's whole number.
__device__ __forceinline__ void store_float(std::uint64_t* to, float value, std::uint32_t launch) {
  const std::uint64_t word = static_cast<std::uint64_t>(launch) << 32 | __float_as_uint(value);
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(to), "l"(word) : "memory");
}

__device__ __forceinline__ std::uint32_t load_word(const std::uint32_t* from) {
  std::uint32_t word;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(word) : "l"(from) : "memory");
  return word;
}

// Four words, each whole; from a multiple of 16 bytes.
__device__ __forceinline__ uint4 load_words(const std::uint32_t* from) {
  uint4 words;
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
               : "l"(from)
               : "memory");
  return words;
}

__device__ __forceinline__ std::uint64_t load_float(const std::uint64_t* from) {
  std::uint64_t word;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(word) : "l"(from) : "memory");
  return word;
}

__device__ __forceinline__ bool is_marked(std::uint32_t word, std::uint32_t launch) {
  return (word ^ launch << 16) >> 16 == 0;
}
__device__ __forceinline__ bool is_marked(const uint4& words, std::uint32_t launch) {
  const std::uint32_t mark = launch << 16;
  return ((words.x ^ mark) | (words.y ^ mark) | (words.z ^ mark) | (words.w ^ mark)) >> 16 == 0;
}
__device__ __forceinline__ bool is_marked(std::uint64_t word, std::uint32_t launch) {
  return static_cast<std::uint32_t>(word >> 32) == launch;
}
__device__ __forceinline__ float float_of(std::uint64_t word) {
  return __uint_as_float(static_cast<std::uint32_t>(word));
}

// Ends a launch whose blocks do not all come, which must not be, instead of waiting for ever: after
// seconds, since a turn is a way to memory and back.
class Patience {
 public:
  __device__ __forceinline__ void take_turn() {
    if (++turns_ == 1 << 24) __trap();
  }

 private:
  int turns_ = 0;
};

// Waits for a word.
template <typename T>
__device__ __forceinline__ float await_half(const std::uint32_t* from, std::uint32_t launch) {
  std::uint32_t word = load_word(from);
  for (Patience patience; !is_marked(word, launch); word = load_word(from)) patience.take_turn();
  return half_of<T>(word);
}

}  // namespace paceline::kernels::cuda
