#include <algorithm>
#include <limits>

#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/reduce.h"
#include "kernels/cuda/device/row_registers.cuh"

namespace paceline::kernels::cuda {
namespace {

// An element and its place; -1: none.
template <typename C>
struct Candidate {
  C value;
  std::int64_t place;
};

template <typename C>
struct GoesBefore {
  bool is_largest;

  __device__ __forceinline__ bool ranks(C a, C b) const {
    const bool a_is_nan = a != a, b_is_nan = b != b;
    if (a_is_nan || b_is_nan) return a_is_nan && !b_is_nan;
    return is_largest ? a > b : a < b;
  }
  // The first of equals goes before the others.
  __device__ __forceinline__ bool operator()(const Candidate<C>& a, const Candidate<C>& b) const {
    if (a.place < 0 || b.place < 0) return a.place >= 0;
    if (ranks(a.value, b.value)) return true;
    return a.place < b.place && !ranks(b.value, a.value);
  }
};

template <int size, typename C>
__device__ Candidate<C> first_of_team(Candidate<C> best, const GoesBefore<C>& goes_before) {
  const auto better = [&](const Candidate<C>& a, const Candidate<C>& b) {
    return goes_before(b, a) ? b : a;
  };
  if constexpr (size > 1) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
      const Candidate<C> other{__shfl_xor_sync(0xffffffffu, best.value, step),
                               __shfl_xor_sync(0xffffffffu, best.place, step)};
      best = better(best, other);
    }
  }
  if constexpr (size > 32) {
    __shared__ C values[size / 32];
    __shared__ std::int64_t places[size / 32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
      values[threadIdx.x / 32] = best.value;
      places[threadIdx.x / 32] = best.place;
    }
    __syncthreads();
    for (int warp = 0; warp < size / 32; ++warp) {
      best = better(best, Candidate<C>{values[warp], places[warp]});
    }
  }
  return best;
}

template <typename T, int size>
__global__ void __launch_bounds__(Team<size>::block) find_extremum(Extremum of) {
  wait_for_earlier();
  using C = Compute<T>;
  const std::int64_t row = Team<size>::row();
  if (row >= of.kept.count) return;
  std::int64_t at[2];
  of.kept.find(row, at);
  const T* x = static_cast<const T*>(of.kept.data[0]) + at[0];
  const GoesBefore<C> goes_before{of.is_largest};
  Candidate<C> best{C{}, -1};
  each<Team<size>, size>(of.width, [&](std::int64_t i) {
    const Candidate<C> one{widen(x[i * of.step]), i};
    if (goes_before(one, best)) best = one;
  });
  best = first_of_team<size>(best, goes_before);
  if (Team<size>::rank() == 0) static_cast<std::int64_t*>(of.kept.data[1])[at[1]] = best.place;
}

constexpr int part_threads = 256;

// The first of places [first, end) that are this thread's, 16 bytes at a time where they lie so.
template <typename T, typename C>
__device__ __forceinline__ Candidate<C> first_of_part(const T* x, std::int64_t step,
                                                      std::int64_t first, std::int64_t end,
                                                      const GoesBefore<C>& goes_before) {
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  Candidate<C> best{C{}, -1};
  const auto look = [&](T element, std::int64_t place) {  // Places of a thread grow.
    const C value = widen(element);
    if (best.place < 0 || goes_before.ranks(value, best.value)) best = {value, place};
  };
  std::int64_t i = first + threadIdx.x;
  if (step == 1 && reinterpret_cast<std::uintptr_t>(x + first) % 16 == 0) {
    const std::int64_t whole = first + (end - first) / vector * vector;
#pragma unroll 2
    for (std::int64_t at = first + threadIdx.x * vector; at < whole; at += part_threads * vector) {
      const auto loaded = *reinterpret_cast<const Vector<T, vector>*>(x + at);
#pragma unroll
      for (int e = 0; e < vector; ++e) look(loaded.at[e], at + e);
    }
    i = whole + threadIdx.x;
  }
  for (; i < end; i += part_threads) look(x[i * step], i);
  return best;
}

// Part blockIdx.y of gridDim.y of each lane. The last block of a lane to come chooses among their
// firsts and leaves its ticket as it was: 0.
template <typename T>
__global__ void __launch_bounds__(part_threads) find_in_parts(Extremum of, std::int64_t part) {
  wait_for_earlier();
  using C = Compute<T>;
  __shared__ bool is_last;
  const std::int64_t row = blockIdx.x, parts = gridDim.y;
  std::int64_t at[2];
  of.kept.find(row, at);
  const T* x = static_cast<const T*>(of.kept.data[0]) + at[0];
  const GoesBefore<C> goes_before{of.is_largest};
  const std::int64_t first = min(blockIdx.y * part, of.width), end = min(first + part, of.width);
  Candidate<C> best = first_of_team<part_threads>(
      first_of_part<T, C>(x, of.step, first, end, goes_before), goes_before);
  std::int64_t* places = static_cast<std::int64_t*>(of.workspace) + row * parts;
  if (threadIdx.x == 0) {
    __stcg(places + blockIdx.y, best.place);
    __threadfence();
    is_last = atomicAdd(of.tickets + row, 1u) + 1 == gridDim.y;
    __threadfence();
  }
  __syncthreads();
  if (!is_last) return;
  best = {C{}, -1};
  for (std::int64_t i = threadIdx.x; i < parts; i += part_threads) {
    const std::int64_t place = __ldcg(places + i);
    if (place < 0) continue;
    const Candidate<C> one{widen(x[place * of.step]), place};
    if (goes_before(one, best)) best = one;
  }
  best = first_of_team<part_threads>(best, goes_before);
  if (threadIdx.x != 0) return;
  static_cast<std::int64_t*>(of.kept.data[1])[at[1]] = best.place;
  of.tickets[row] = 0;
}

// Selection of one after the other: each round takes the first of what goes behind the one before.
// place_of(i) for i below `count` are the places to choose from, or -1; take(round, place) gets -1
// once there are no more.
template <typename T, int size, typename PlaceOf, typename Take>
__device__ __forceinline__ void select(const T* x, std::int64_t step, std::int64_t count,
                                       std::int64_t k, PlaceOf place_of, Take take) {
  using C = Compute<T>;
  const GoesBefore<C> goes_before{true};
  Candidate<C> last{C{}, -1};
  for (std::int64_t round = 0; round < k; ++round) {
    Candidate<C> best{C{}, -1};
    each<Team<size>, size>(count, [&](std::int64_t i) {
      const std::int64_t place = place_of(i);
      if (place < 0) return;
      const Candidate<C> one{widen(x[place * step]), place};
      if (round > 0 && !goes_before(last, one)) return;
      if (goes_before(one, best)) best = one;
    });
    best = first_of_team<size>(best, goes_before);
    if (Team<size>::rank() == 0) take(round, best.place);
    last = best;
    if (best.place < 0) {  // For all threads alike.
      for (++round; round < k && Team<size>::rank() == 0; ++round) take(round, -1);
      return;
    }
  }
}

template <typename T, int size>
__global__ void __launch_bounds__(Team<size>::block) select_top(TopK of) {
  wait_for_earlier();
  const std::int64_t row = Team<size>::row();
  if (row >= of.lanes.count) return;
  std::int64_t at[3];
  of.lanes.find(row, at);
  const T* x = static_cast<const T*>(of.lanes.data[0]) + at[0];
  select<T, size>(
      x, of.steps[0], of.width, of.k, [](std::int64_t i) { return i; },
      [&](std::int64_t round, std::int64_t place) {
        static_cast<T*>(of.lanes.data[1])[at[1] + round * of.steps[1]] = x[place * of.steps[0]];
        static_cast<std::int64_t*>(of.lanes.data[2])[at[2] + round * of.steps[2]] = place;
      });
}

// The best of part blockIdx.y of each lane, as places in the workspace.
template <typename T>
__global__ void __launch_bounds__(512) select_in_parts(TopK of) {
  wait_for_earlier();
  std::int64_t at[3];
  of.lanes.find(blockIdx.x, at);
  const T* x = static_cast<const T*>(of.lanes.data[0]) + at[0];
  const std::int64_t part = (of.width + gridDim.y - 1) / gridDim.y, first = blockIdx.y * part;
  const std::int64_t count = max(std::int64_t{0}, min(part, of.width - first));
  std::int64_t* places = static_cast<std::int64_t*>(of.workspace) +
                         (static_cast<std::int64_t>(blockIdx.x) * gridDim.y + blockIdx.y) * of.k;
  select<T, 512>(
      x, of.steps[0], count, of.k, [&](std::int64_t i) { return first + i; },
      [&](std::int64_t round, std::int64_t place) { places[round] = place; });
}

template <typename T>
__global__ void __launch_bounds__(1024) select_among_parts(TopK of) {
  wait_for_earlier();
  std::int64_t at[3];
  of.lanes.find(blockIdx.x, at);
  const T* x = static_cast<const T*>(of.lanes.data[0]) + at[0];
  const std::int64_t count = top_k_parts * of.k;
  const std::int64_t* places = static_cast<const std::int64_t*>(of.workspace) + blockIdx.x * count;
  select<T, 1024>(
      x, of.steps[0], count, of.k, [&](std::int64_t i) { return places[i]; },
      [&](std::int64_t round, std::int64_t place) {
        static_cast<T*>(of.lanes.data[1])[at[1] + round * of.steps[1]] = x[place * of.steps[0]];
        static_cast<std::int64_t*>(of.lanes.data[2])[at[2] + round * of.steps[2]] = place;
      });
}

// A warp a lane: 32 elements at a time are summed up, then what came before is added.
template <typename T>
__global__ void __launch_bounds__(Team<32>::block) cumsum(Lanes of) {
  wait_for_earlier();
  using A = Accumulator<T>;
  const std::int64_t row = Team<32>::row();
  if (row >= of.lanes.count) return;
  std::int64_t at[2];
  of.lanes.find(row, at);
  const T* x = static_cast<const T*>(of.lanes.data[0]) + at[0];
  T* out = static_cast<T*>(of.lanes.data[1]) + at[1];
  const int lane = Team<32>::rank();
  A before = 0;
  for (std::int64_t first = 0; first < of.width; first += 32) {
    const std::int64_t i = first + lane;
    A total = i < of.width ? static_cast<A>(widen(x[i * of.x_step])) : A{0};
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const A other = __shfl_up_sync(0xffffffffu, total, step);
      if (lane >= step) total += other;
    }
    total += before;
    if (i < of.width) out[i * of.out_step] = narrow<T>(total);
    before = __shfl_sync(0xffffffffu, total, 31);
  }
}

}  // namespace

void launch_extremum(const Extremum& of, Element dtype, const LaunchPlace& place) {
  const std::int64_t count = of.kept.count;
  if (count == 0) return;
  visit_numbers(dtype, [&]<typename T>() {
    if (count <= extremum_tickets && of.width >= 16384) {
      // Parts begin where 16 bytes do.
      const std::int64_t parts = std::min<std::int64_t>(of.width / 1024, 132);
      const std::int64_t part = ((of.width + parts - 1) / parts + 15) / 16 * 16;
      start_kernel(find_in_parts<T>,
                   dim3(static_cast<unsigned>(count), static_cast<unsigned>(parts)), part_threads,
                   0, place, of, part);
      return;
    }
    visit_team(of.width, of.step == 1, count, [&]<int size>() {
      start_kernel(find_extremum<T, size>, row_blocks<size>(count), Team<size>::block, 0, place,
                   of);
    });
  });
}

void launch_cumsum(const Lanes& of, Element dtype, const LaunchPlace& place) {
  if (of.lanes.count == 0 || of.width == 0) return;
  visit_numbers(dtype, [&]<typename T>() {
    start_kernel(cumsum<T>, row_blocks<32>(of.lanes.count), Team<32>::block, 0, place, of);
  });
}

void launch_top_k(const TopK& of, Element dtype, const LaunchPlace& place) {
  const std::int64_t count = of.lanes.count;
  if (count == 0 || of.k == 0) return;
  visit_numbers(dtype, [&]<typename T>() {
    if (of.width >= long_lane) {
      const auto lanes = static_cast<unsigned>(count);
      start_kernel(select_in_parts<T>, dim3(lanes, top_k_parts), 512, 0, place, of);
      start_kernel(select_among_parts<T>, lanes, 1024, 0, place, of);
    } else if (of.width <= 512) {
      start_kernel(select_top<T, 32>, row_blocks<32>(count), Team<32>::block, 0, place, of);
    } else {
      start_kernel(select_top<T, 1024>, row_blocks<1024>(count), 1024, 0, place, of);
    }
  });
}

}  // namespace paceline::kernels::cuda
