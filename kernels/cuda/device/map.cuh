#pragma once

#include <algorithm>

#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/types.cuh"
#include "kernels/cuda/device/walk.h"

// out[i] = f(a[i], b[i], c[i]) for operands of equal extents and any strides. `out` may be an
// input.
namespace paceline::kernels::cuda {

inline constexpr int map_threads = 256;
inline constexpr int map_places = 2;  // Of a thread, in flight together.
// The same where all is dense and long: measured quicker there than several (H200, 2^24 elements).
inline constexpr int dense_places = 1;

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

// Element i of dense operands and single values.
template <typename Out, typename A, typename B, typename C, typename F>
__device__ __forceinline__ void map_one(void* const* data, const bool* is_repeated, std::int64_t i,
                                        const F& f) {
  const auto of = [&]<typename T>(int operand) -> T {
    if constexpr (std::is_same_v<T, Nothing>) {
      return {};
    } else {
      return static_cast<const T*>(data[operand])[is_repeated[operand] ? 0 : i];
    }
  };
  static_cast<Out*>(data[0])[i] = apply<Out>(
      f, of.template operator()<A>(1), of.template operator()<B>(2), of.template operator()<C>(3));
}

template <int chunk, typename Out, typename A, typename B, typename C, int operands, typename F>
__global__ void __launch_bounds__(map_threads)
    map_places_of(Walk<operands> walk, MapShape shape, F f) {
  wait_for_earlier();
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
    map_one<Out, A, B, C>(walk.data, shape.is_repeated, walk.count * chunk + first, f);
  }
}

// Dense operands and single values.
struct DenseMap {
  std::int64_t count;  // Chunks.
  std::int64_t tail;   // Elements behind them.
  void* data[4];
  bool is_repeated[4];
};

template <int chunk, typename Out, typename A, typename B, typename C, typename F>
__global__ void __launch_bounds__(map_threads) map_dense(DenseMap of, F f) {
  wait_for_earlier();
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x) * (map_threads * dense_places) + threadIdx.x;
  Vector<A, chunk> a[dense_places];
  Vector<B, chunk> b[dense_places];
  Vector<C, chunk> c[dense_places];
  const auto load = [&]<typename T>(Vector<T, chunk>& to, int operand, std::int64_t place) {
    if constexpr (!std::is_same_v<T, Nothing>) {
      to = load_chunk<T, chunk>(of.data[operand], of.is_repeated[operand] ? 0 : place * chunk,
                                of.is_repeated[operand]);
    }
  };
#pragma unroll
  for (int u = 0; u < dense_places; ++u) {
    const std::int64_t place = first + u * map_threads;
    if (place >= of.count) break;
    load(a[u], 1, place);
    load(b[u], 2, place);
    load(c[u], 3, place);
  }
#pragma unroll
  for (int u = 0; u < dense_places; ++u) {
    const std::int64_t place = first + u * map_threads;
    if (place >= of.count) break;
    Vector<Out, chunk> made;
#pragma unroll
    for (int i = 0; i < chunk; ++i) {
      made.at[i] = apply<Out>(f, a[u].at[i], b[u].at[i], c[u].at[i]);
    }
    *reinterpret_cast<Vector<Out, chunk>*>(static_cast<Out*>(of.data[0]) + place * chunk) = made;
  }
  if (first < of.tail) {  // Of block 0 alone.
    map_one<Out, A, B, C>(of.data, of.is_repeated, of.count * chunk + first, f);
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

inline unsigned map_blocks(std::int64_t places, std::int64_t of_thread = map_places) {
  const std::int64_t each = map_threads * of_thread;
  return static_cast<unsigned>(std::max<std::int64_t>(1, (places + each - 1) / each));
}

// From so many places on, a dense walk fills every multiprocessor.
inline constexpr std::int64_t dense_count_min = 132 * 4 * map_threads * dense_places;

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
    if (loop.rank == 1 && walk.count >= dense_count_min) {
      DenseMap dense{.count = walk.count, .tail = shape.tail, .data = {}, .is_repeated = {}};
      for (int i = 0; i < operands; ++i) {
        dense.data[i] = loop.data[i];
        dense.is_repeated[i] = shape.is_repeated[i];
      }
      start_kernel(map_dense<chunk, Out, A, B, C, F>, map_blocks(walk.count, dense_places),
                   map_threads, 0, place, dense, f);
      return;
    }
    start_kernel(map_places_of<chunk, Out, A, B, C, operands, F>, map_blocks(walk.count),
                 map_threads, 0, place, walk, shape, f);
    return;
  }
  const Walk<operands> walk(loop);
  start_kernel(map_places_of<1, Out, A, B, C, operands, One>, map_blocks(walk.count), map_threads,
               0, place, walk, shape, one);
}

}  // namespace paceline::kernels::cuda
