#include "kernels/cuda/device/functions.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/map.cuh"
#include "kernels/cuda/device/movement.h"

// Updates of one element happen in one thread, in their order: duplicates are right and the same in
// every run.
namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 128;

unsigned blocks_of(std::int64_t count) {
  return static_cast<unsigned>((count + block_threads - 1) / block_threads);
}

FaultPlace fault_of(const LaunchPlace& place) {
  return {static_cast<Fault*>(place.fault), place.step};
}

__device__ __forceinline__ std::int64_t index_at(const void* indices, std::int64_t offset,
                                                 bool is_wide) {
  return is_wide ? static_cast<const std::int64_t*>(indices)[offset]
                 : static_cast<const std::int32_t*>(indices)[offset];
}

// NaN stays and wins.
template <typename T>
__device__ __forceinline__ T combined(Scatter reduction, T element, T by) {
  if constexpr (std::is_same_v<T, bool>) {
    return by;
  } else {
    using enum BinaryOp;
    const FaultPlace none{};
    const auto a = widen(element), b = widen(by);
    switch (reduction) {
      case Scatter::add:
        return narrow<T>(binary<add>(a, b, none));
      case Scatter::mul:
        return narrow<T>(binary<mul>(a, b, none));
      case Scatter::max:
        return narrow<T>(binary<maximum>(a, b, none));
      case Scatter::min:
        return narrow<T>(binary<minimum>(a, b, none));
      default:
        return by;
    }
  }
}

template <typename T>
__global__ void scatter_elements(ElementScatter of, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t lane = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
  if (lane >= of.lanes.count) return;
  std::int64_t at[3];
  of.lanes.find(lane, at);
  const T* updates = static_cast<const T*>(of.lanes.data[1]) + at[1];
  T* out = static_cast<T*>(of.lanes.data[2]) + at[2];
  for (std::int64_t i = 0; i < of.count; ++i) {
    const std::int64_t index = index_at(of.lanes.data[0], at[0] + i * of.steps[0], of.is_wide);
    if (!fault.is_within(index, of.extent)) continue;
    T& element = out[index * of.steps[2]];
    element = combined(of.reduction, element, updates[i * of.steps[1]]);
  }
}

template <typename T>
__global__ void scatter_nd(TupleScatter of, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t part = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
  if (part >= of.slice.count) return;
  std::int64_t within[2];
  of.slice.find(part, within);
  for (std::int64_t tuple = 0; tuple < of.tuples.count; ++tuple) {
    std::int64_t at[2];
    of.tuples.find(tuple, at);
    std::int64_t to = within[1];
    bool is_inside = true;
    for (int i = 0; i < of.depth; ++i) {
      const std::int64_t index = index_at(of.tuples.data[0], at[0] + i * of.index_step, of.is_wide);
      is_inside = fault.is_within(index, of.extents[i]) && is_inside;
      to += index * of.steps[i];
    }
    if (!is_inside) continue;
    T& element = static_cast<T*>(of.out)[to];
    element = combined(of.reduction, element,
                       static_cast<const T*>(of.tuples.data[1])[at[1] + within[0]]);
  }
}

}  // namespace

void launch_scatter_elements(const ElementScatter& of, Element dtype, const LaunchPlace& place) {
  if (of.lanes.count == 0 || of.count == 0) return;
  visit_all(dtype, [&]<typename T>() {
    start_kernel(scatter_elements<T>, blocks_of(of.lanes.count), block_threads, 0, place, of,
                 fault_of(place));
  });
}

void launch_scatter_nd(const TupleScatter& of, Element dtype, const LaunchPlace& place) {
  if (of.tuples.count == 0 || of.slice.count == 0) return;
  visit_all(dtype, [&]<typename T>() {
    start_kernel(scatter_nd<T>, blocks_of(of.slice.count), block_threads, 0, place, of,
                 fault_of(place));
  });
}

}  // namespace paceline::kernels::cuda
