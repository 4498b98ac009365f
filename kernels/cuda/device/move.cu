#include "kernels/cuda/device/fault.h"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/map.cuh"
#include "kernels/cuda/device/movement.h"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;

struct Same {
  template <typename T>
  __device__ __forceinline__ T operator()(T x) const {
    return x;
  }
};

unsigned blocks_of(std::int64_t count, std::int64_t most = 132 * 16) {
  return static_cast<unsigned>(
      std::clamp<std::int64_t>((count + block_threads - 1) / block_threads, 1, most));
}

template <typename T>
__global__ void fill(T* to, std::int64_t count, T value) {
  wait_for_earlier();
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
       i < count; i += step) {
    to[i] = value;
  }
}

__device__ std::int64_t extent_of(const DeviceView& view, const LateView& late, int axis) {
  return late.values != nullptr && late.extents[axis] >= 0 ? late.values[late.extents[axis]]
                                                           : view.extents[axis];
}
__device__ std::int64_t offset_of(const LateView& late) {
  return late.values != nullptr && late.offset >= 0 ? late.values[late.offset] : 0;
}
__device__ std::int64_t value_of(const LateStart& start) {
  return start.late != nullptr ? *start.late : start.value;
}

// By axis; not known where an extent comes late, or is 2^31 or more.
struct SliceDivisors {
  Divisor of[rank_max];
  bool is_known[rank_max] = {};
};

// T is an element, or `chunk` of them along the last axis.
template <typename T>
__global__ void update_slice(const __grid_constant__ SliceUpdate of,
                             const __grid_constant__ SliceDivisors divisors, int chunk,
                             FaultPlace fault) {
  wait_for_earlier();
  const int rank = of.from.rank, last = rank - 1;
  std::int64_t count = 1;
  for (int axis = 0; axis < rank; ++axis) {
    count *= extent_of(of.from, of.late_from, axis) / (axis == last ? chunk : 1);
  }
  const std::int64_t start = value_of(of.start);
  const std::int64_t moved = extent_of(of.from, of.late_from, of.axis);
  const std::int64_t limit = extent_of(of.to, of.late_to, of.axis);
  if (start < 0 || start + moved > limit) {
    if (blockIdx.x == 0 && threadIdx.x == 0)
      fault.report(fault_outside, start, 0, limit - moved + 1);
    return;
  }
  const T* from = static_cast<const T*>(of.from.data);
  T* to = static_cast<T*>(of.to.data);
  const std::int64_t from_start = offset_of(of.late_from);
  const std::int64_t to_start = offset_of(of.late_to) + start * of.to.strides[of.axis];
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  const bool is_narrow = count < std::int64_t{1} << 31;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
       i < count; i += step) {
    std::int64_t rest = i, a = from_start, b = to_start;
    for (int axis = last; axis >= 0; --axis) {
      const int part = axis == last ? chunk : 1;
      std::int64_t next = 0, index = rest;
      if (axis > 0 && is_narrow && divisors.is_known[axis]) {
        const Divisor& divisor = divisors.of[axis];
        next = divisor.quotient(static_cast<std::uint32_t>(rest));
        index = rest - next * divisor.divisor;
      } else if (axis > 0) {
        const std::int64_t extent = extent_of(of.from, of.late_from, axis) / part;
        next = rest / extent;
        index = rest - next * extent;
      }
      a += index * part * of.from.strides[axis];
      b += index * part * of.to.strides[axis];
      rest = next;
    }
    to[b / chunk] = from[a / chunk];
  }
}

SliceDivisors divisors_of(const SliceUpdate& update, int chunk) {
  SliceDivisors divisors;
  for (int axis = 0; axis < update.from.rank; ++axis) {
    const bool is_late = update.late_from.values != nullptr && update.late_from.extents[axis] >= 0;
    const std::int64_t extent =
        update.from.extents[axis] / (axis == update.from.rank - 1 ? chunk : 1);
    if (is_late || extent < 1 || extent >= std::int64_t{1} << 31) continue;
    divisors.of[axis] = Divisor(static_cast<std::uint32_t>(extent));
    divisors.is_known[axis] = true;
  }
  return divisors;
}

template <typename T>
__global__ void iota(DeviceView out, LateView late, LateStart start) {
  wait_for_earlier();
  const std::int64_t count = extent_of(out, late, 0), first = value_of(start);
  T* to = static_cast<T*>(out.data) + offset_of(late);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
       i < count; i += step) {
    to[i * out.strides[0]] = narrow<T>(static_cast<Accumulator<T>>(first + i));
  }
}

// Pieces of 16 bytes along the last axis, where no address depends on what is known late.
bool takes_pieces(const SliceUpdate& update, std::int64_t chunk) {
  const int last = update.from.rank - 1;
  if (last < 0 || update.axis == last || update.from.extents[last] % chunk != 0) return false;
  for (const auto& [view, late] :
       {std::pair{&update.from, &update.late_from}, std::pair{&update.to, &update.late_to}}) {
    if (view->strides[last] != 1) return false;
    if (reinterpret_cast<std::uintptr_t>(view->data) % 16 != 0) return false;
    if (late->values != nullptr && (late->offset >= 0 || late->extents[last] >= 0)) return false;
    for (int axis = 0; axis < last; ++axis) {
      if (view->strides[axis] % chunk != 0) return false;
    }
  }
  return true;
}

}  // namespace

void launch_move(const Loop<2>& loop, std::int32_t element_bytes, const LaunchPlace& place) {
  visit_bytes(element_bytes, [&]<typename T>() { launch_map<T, T>(loop, Same{}, Same{}, place); });
}

void launch_fill(void* to, std::int64_t count, std::uint64_t bits, std::int32_t element_bytes,
                 const LaunchPlace& place) {
  if (count == 0) return;
  visit_bytes(element_bytes, [&]<typename T>() {
    start_kernel(fill<T>, blocks_of(count), block_threads, 0, place, static_cast<T*>(to), count,
                 static_cast<T>(bits));
  });
}

void launch_update(const SliceUpdate& update, std::int32_t element_bytes,
                   const LaunchPlace& place) {
  const bool is_late = update.late_from.values != nullptr;
  std::int64_t count = 1;
  for (int axis = 0; axis < update.from.rank; ++axis) count *= update.from.extents[axis];
  if (count == 0 && !is_late) return;
  const FaultPlace fault{static_cast<Fault*>(place.fault), place.step};
  const int chunk = 16 / element_bytes;
  if (takes_pieces(update, chunk)) {
    start_kernel(update_slice<uint4>, blocks_of(count / chunk), block_threads, 0, place, update,
                 divisors_of(update, chunk), chunk, fault);
    return;
  }
  visit_bytes(element_bytes, [&]<typename T>() {
    start_kernel(update_slice<T>, blocks_of(count), block_threads, 0, place, update,
                 divisors_of(update, 1), 1, fault);
  });
}

void launch_iota(const DeviceView& out, const LateView& late, const LateStart& start,
                 const LaunchPlace& place) {
  if (out.extents[0] == 0 && late.values == nullptr) return;
  visit_numbers(out.dtype, [&]<typename T>() {
    start_kernel(iota<T>, blocks_of(out.extents[0]), block_threads, 0, place, out, late, start);
  });
}

}  // namespace paceline::kernels::cuda
