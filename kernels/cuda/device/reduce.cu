#include "kernels/cuda/device/reduce.h"

#include <algorithm>
#include <limits>

#include "kernels/cuda/device/functions.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/row_registers.cuh"

namespace paceline::kernels::cuda {
namespace {

template <typename A>
struct Folding {
  Fold fold;

  __device__ A start() const {
    if (fold == Fold::sum) return 0;
    if (fold == Fold::product) return 1;
    using Limits = std::numeric_limits<A>;
    if constexpr (Limits::has_infinity) {
      return fold == Fold::largest ? -Limits::infinity() : Limits::infinity();
    } else {
      return fold == Fold::largest ? Limits::lowest() : Limits::max();
    }
  }
  __device__ __forceinline__ A operator()(A a, A b) const {
    switch (fold) {
      case Fold::sum:
        return binary<BinaryOp::add>(a, b, FaultPlace{});
      case Fold::product:
        return binary<BinaryOp::mul>(a, b, FaultPlace{});
      case Fold::largest:
        return binary<BinaryOp::maximum>(a, b, FaultPlace{});
      default:
        return binary<BinaryOp::minimum>(a, b, FaultPlace{});
    }
  }
};

// Part blockIdx.y of gridDim.y of a reduction; a whole one goes to the output.
template <typename T, int size>
__global__ void __launch_bounds__(Team<size>::block) reduce(Reduction of) {
  wait_for_earlier();
  using A = Accumulator<T>;
  const std::int64_t row = Team<size>::row();
  if (row >= of.kept.count) return;
  std::int64_t at[2];
  of.kept.find(row, at);
  const T* x = static_cast<const T*>(of.kept.data[0]) + at[0];
  const std::int64_t part = (of.reduced.count + gridDim.y - 1) / gridDim.y;
  const std::int64_t first = blockIdx.y * part;
  const std::int64_t count = max(std::int64_t{0}, min(part, of.reduced.count - first));
  const Folding<A> folding{of.fold};
  A total = folding.start();
  each<Team<size>, size>(count, [&](std::int64_t i) {
    std::int64_t offset[1];
    of.reduced.find(first + i, offset);
    total = folding(total, static_cast<A>(widen(x[offset[0]])));
  });
  total = Team<size>::all(total, folding);
  if (Team<size>::rank() != 0) return;
  if (gridDim.y == 1) {
    static_cast<T*>(of.kept.data[1])[at[1]] = narrow<T>(total);
  } else {
    static_cast<A*>(of.workspace)[row * gridDim.y + blockIdx.y] = total;
  }
}

template <typename T>
__global__ void reduce_parts(Reduction of, int parts) {
  wait_for_earlier();
  using A = Accumulator<T>;
  const std::int64_t row = Team<32>::row();
  if (row >= of.kept.count) return;
  std::int64_t at[2];
  of.kept.find(row, at);
  const Folding<A> folding{of.fold};
  A total = folding.start();
  each<Team<32>, 32>(parts, [&](std::int64_t i) {
    total = folding(total, static_cast<const A*>(of.workspace)[row * parts + i]);
  });
  total = Team<32>::all(total, folding);
  if (Team<32>::rank() == 0) static_cast<T*>(of.kept.data[1])[at[1]] = narrow<T>(total);
}

// How many blocks share one reduction.
int parts_of(std::int64_t rows, std::int64_t width) {
  if (rows > 128 || width < 16384) return 1;
  return static_cast<int>(std::min<std::int64_t>({width / 4096, 512 / rows + 1, 4096 / rows}));
}

}  // namespace

void launch_reduction(const Reduction& of, Element dtype, const LaunchPlace& place) {
  const std::int64_t count = of.kept.count;
  if (count == 0) return;
  visit_numbers(dtype, [&]<typename T>() {
    const int parts = parts_of(count, of.reduced.count);
    if (parts > 1) {
      const dim3 grid(static_cast<unsigned>(count), parts);
      start_kernel(reduce<T, 1024>, grid, 1024, 0, place, of);
      start_kernel(reduce_parts<T>, row_blocks<32>(count), Team<32>::block, 0, place, of, parts);
      return;
    }
    visit_team(of.reduced.count, of.is_contiguous, count, [&]<int size>() {
      start_kernel(reduce<T, size>, row_blocks<size>(count), Team<size>::block, 0, place, of);
    });
  });
}

}  // namespace paceline::kernels::cuda
