#include "kernels/cuda/device/fault.h"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/map.cuh"
#include "kernels/cuda/device/movement.h"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;

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

__device__ __forceinline__ std::int64_t this_place() {
  return static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
}

template <typename T, int chunk>
__global__ void gather(Gather of, FaultPlace fault) {
  wait_for_earlier();
  using Piece = Vector<T, chunk>;
  const std::int64_t place = this_place();
  const std::int64_t row = place / of.tail.count, piece = place - row * of.tail.count;
  const std::int64_t outer = row / of.indices.count, entry = row - outer * of.indices.count;
  if (outer >= of.outer.count) return;
  std::int64_t from_outer[1], from_tail[1], at[1];
  of.outer.find(outer, from_outer);
  of.tail.find(piece, from_tail);
  of.indices.find(entry, at);
  const std::int64_t index = index_at(of.indices.data[0], at[0], of.is_wide);
  Piece moved{};
  if (fault.is_within(index, of.extent)) {
    moved = *reinterpret_cast<const Piece*>(static_cast<const T*>(of.outer.data[0]) +
                                            from_outer[0] + index * of.step + from_tail[0]);
  }
  static_cast<Piece*>(of.out)[place] = moved;
}

template <typename T>
__global__ void gather_elements(ElementGather of, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t place = this_place();
  if (place >= of.places.count) return;
  std::int64_t at[3];
  of.places.find(place, at);
  const std::int64_t index = index_at(of.places.data[1], at[1], of.is_wide);
  T moved{};
  if (fault.is_within(index, of.extent)) {
    moved = static_cast<const T*>(of.places.data[2])[at[2] + index * of.step];
  }
  static_cast<T*>(of.places.data[0])[at[0]] = moved;
}

template <typename T>
__global__ void gather_nd(TupleGather of, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t place = this_place();
  const std::int64_t tuple = place / of.slice.count, part = place - tuple * of.slice.count;
  if (tuple >= of.tuples.count) return;
  std::int64_t at[2], within[1];
  of.tuples.find(tuple, at);
  of.slice.find(part, within);
  std::int64_t from = at[1] + within[0];
  bool is_inside = true;
  for (int i = 0; i < of.depth; ++i) {
    const std::int64_t index = index_at(of.tuples.data[0], at[0] + i * of.index_step, of.is_wide);
    is_inside = fault.is_within(index, of.extents[i]) && is_inside;
    from += index * of.steps[i];
  }
  static_cast<T*>(of.out)[place] = is_inside ? static_cast<const T*>(of.tuples.data[1])[from] : T{};
}

}  // namespace

void launch_gather(const Loop<1>& outer, const Loop<1>& tail, Gather of, std::int32_t element_bytes,
                   const LaunchPlace& place) {
  const std::int64_t count = outer.count * tail.count * of.indices.count;
  if (count == 0) return;
  visit_bytes(element_bytes, [&]<typename T>() {
    constexpr int chunk = 16 / sizeof(T);
    const auto is_whole = [&](const Loop<1>& loop, int first_axis) {
      for (int axis = first_axis; axis < loop.rank; ++axis) {
        if (loop.strides[0][axis] % chunk != 0) return false;
      }
      return reinterpret_cast<std::uintptr_t>(loop.data[0]) % 16 == 0;
    };
    const bool in_pieces = tail.rank > 0 && tail.strides[0][0] == 1 &&
                           tail.extents[0] % chunk == 0 && of.step % chunk == 0 &&
                           is_whole(tail, 1) && is_whole(outer, 0) &&
                           reinterpret_cast<std::uintptr_t>(of.out) % 16 == 0;
    of.outer = Walk<1>(outer);
    of.tail = Walk<1>(tail, in_pieces ? chunk : 1);
    if (in_pieces) {
      start_kernel(gather<T, chunk>, blocks_of(count / chunk), block_threads, 0, place, of,
                   fault_of(place));
    } else {
      start_kernel(gather<T, 1>, blocks_of(count), block_threads, 0, place, of, fault_of(place));
    }
  });
}

void launch_gather_elements(const ElementGather& of, std::int32_t element_bytes,
                            const LaunchPlace& place) {
  if (of.places.count == 0) return;
  visit_bytes(element_bytes, [&]<typename T>() {
    start_kernel(gather_elements<T>, blocks_of(of.places.count), block_threads, 0, place, of,
                 fault_of(place));
  });
}

void launch_gather_nd(const TupleGather& of, std::int32_t element_bytes, const LaunchPlace& place) {
  const std::int64_t count = of.tuples.count * of.slice.count;
  if (count == 0) return;
  visit_bytes(element_bytes, [&]<typename T>() {
    start_kernel(gather_nd<T>, blocks_of(count), block_threads, 0, place, of, fault_of(place));
  });
}

}  // namespace paceline::kernels::cuda
