#pragma once

#include <algorithm>

#include "kernels/cuda/device/types.cuh"
#include "kernels/cuda/device/walk.h"

// out[i] = f(a[i], b[i], c[i]) for operands of equal extents and any strides. `out` may be an
// input.
namespace paceline::kernels::cuda {

inline constexpr int map_threads = 256;
inline constexpr int map_places = 2;  // Of a thread, in flight together.

// An operand that is not there.
struct Nothing {};

// Operand 0 is the output, and has a step of 1 along axis 0 where `chunk` is more than 1; inputs
// have one of 1 or 0.
struct MapShape {
  std::int64_t tail;    // Elements behind the last place, of dense operands alone.
  bool is_repeated[4];  // Operands with a step of 0 along axis 0.
};

template <typename T, int chunk>
__device__ __forceinline__ Vector<T, chunk> load_chunk(const void* data, std::int64_t offset,
                                                       bool is_repeated) {
  const T* from = static_cast<const T*>(data) + offset;
  if constexpr (chunk == 1) {
    return {*from};
  } else {
    if (!is_repeated) return *reinterpret_cast<const Vector<T, chunk>*>(from);
    Vector<T, chunk> loaded;
    const T one = *from;
#pragma unroll
    for (int i = 0; i < chunk; ++i) loaded.at[i] = one;
    return loaded;
  }
}

template <typename Out, typename A, typename B, typename C, typename F>
__device__ __forceinline__ Out apply(const F& f, const A& a, const B& b, const C& c) {
  if constexpr (sizeof(C) > 0 && !std::is_same_v<C, Nothing>) {
    return f(a, b, c);
  } else if constexpr (!std::is_same_v<B, Nothing>) {
    return f(a, b);
  } else {
    return f(a);
  }
}

template <int chunk, typename Out, typename A, typename B, typename C, int operands, typename F>
__global__ void __launch_bounds__(map_threads)
    map_places_of(Walk<operands> walk, MapShape shape, F f) {
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x) * (map_threads * map_places) + threadIdx.x;
  Vector<A, chunk> a[map_places];
  Vector<B, chunk> b[map_places];
  Vector<C, chunk> c[map_places];
  std::int64_t out[map_places];
#pragma unroll
  for (int u = 0; u < map_places; ++u) {
    const std::int64_t place = first + u * map_threads;
    if (place >= walk.count) break;
    std::int64_t at[operands];
    walk.find(place, at);
    out[u] = at[0];
    a[u] = load_chunk<A, chunk>(walk.data[1], at[1], shape.is_repeated[1]);
    if constexpr (operands > 2) {
      b[u] = load_chunk<B, chunk>(walk.data[2], at[2], shape.is_repeated[2]);
    }
    if constexpr (operands > 3) {
      c[u] = load_chunk<C, chunk>(walk.data[3], at[3], shape.is_repeated[3]);
    }
  }
#pragma unroll
  for (int u = 0; u < map_places; ++u) {
    if (first + u * map_threads >= walk.count) break;
    Vector<Out, chunk> made;
#pragma unroll
    for (int i = 0; i < chunk; ++i) {
      made.at[i] = apply<Out>(f, a[u].at[i], b[u].at[i], c[u].at[i]);
    }
    *reinterpret_cast<Vector<Out, chunk>*>(static_cast<Out*>(walk.data[0]) + out[u]) = made;
  }
  if (first < shape.tail) {  // Of block 0 alone: less than one chunk.
    const std::int64_t i = walk.count * chunk + first;
    const auto of = [&]<typename T>(int operand) -> T {
      if constexpr (std::is_same_v<T, Nothing>) {
        return {};
      } else {
        return static_cast<const T*>(walk.data[operand])[shape.is_repeated[operand] ? 0 : i];
      }
    };
    static_cast<Out*>(walk.data[0])[i] =
        apply<Out>(f, of.template operator()<A>(1), of.template operator()<B>(2),
                   of.template operator()<C>(3));
  }
}

// Whether places of `chunk` elements can be accessed at once. `bytes` by operand, the output first.
template <int operands>
bool takes_chunks(const Loop<operands>& loop, const int (&bytes)[operands], int chunk) {
  if (loop.rank == 0 || (loop.rank > 1 && loop.extents[0] % chunk != 0)) return false;
  if (loop.strides[0][0] != 1) return false;
  for (int i = 0; i < operands; ++i) {
    const bool is_repeated = loop.strides[i][0] == 0;
    if (is_repeated) continue;
    if (loop.strides[i][0] != 1) return false;
    if (reinterpret_cast<std::uintptr_t>(loop.data[i]) % (bytes[i] * chunk) != 0) return false;
    for (int axis = 1; axis < loop.rank; ++axis) {
      if (loop.strides[i][axis] % chunk != 0) return false;
    }
  }
  return true;
}

inline unsigned map_blocks(std::int64_t places) {
  constexpr std::int64_t each = map_threads * map_places;
  return static_cast<unsigned>(std::max<std::int64_t>(1, (places + each - 1) / each));
}

// The output of one stride along each axis is dense as a whole; F computes and rounds.
// `One` is used where elements are taken one by one: it may choose its function at run time.
// Without `in_chunks` that is always so.
template <typename Out, typename A, typename B = Nothing, typename C = Nothing,
          bool in_chunks = true, int operands, typename F, typename One>
void launch_map(const Loop<operands>& loop, F f, One one, const LaunchPlace& place) {
  if (loop.count == 0) return;
  constexpr int bytes[4] = {sizeof(Out), sizeof(A), sizeof(B), sizeof(C)};
  constexpr int largest = std::max(std::max(bytes[0], bytes[1]), std::max(bytes[2], bytes[3]));
  constexpr int chunk = in_chunks ? std::min(16 / largest, 8) : 1;
  int of_operands[operands];
  for (int i = 0; i < operands; ++i) of_operands[i] = bytes[i];
  MapShape shape{};
  if (chunk > 1 && loop.count >= chunk && takes_chunks(loop, of_operands, chunk)) {
    const Walk<operands> walk(loop, chunk);
    for (int i = 0; i < operands; ++i) shape.is_repeated[i] = loop.strides[i][0] == 0;
    shape.tail = loop.count - walk.count * chunk;
    map_places_of<chunk, Out, A, B, C>
        <<<map_blocks(walk.count), map_threads, 0, place.stream>>>(walk, shape, f);
    return;
  }
  const Walk<operands> walk(loop);
  map_places_of<1, Out, A, B, C>
      <<<map_blocks(walk.count), map_threads, 0, place.stream>>>(walk, shape, one);
}

}  // namespace paceline::kernels::cuda
