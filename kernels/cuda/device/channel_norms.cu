#include "kernels/cuda/device/channel_norms.h"

#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/team.cuh"
#include "kernels/cuda/device/types.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;
constexpr int group_threads = 512;

template <typename T>
__global__ void __launch_bounds__(group_threads) group_norm(GroupNorm of) {
  wait_for_earlier();
  using Block = Team<group_threads>;
  std::int64_t at[2];
  of.groups.find(blockIdx.x, at);
  const T* x = static_cast<const T*>(of.groups.data[0]) + at[0];
  T* out = static_cast<T*>(of.groups.data[1]) + at[1];
  const std::int64_t count = of.group.count;
  const auto element = [&](std::int64_t i, std::int64_t(&within)[2]) {
    of.group.find(i, within);
    return static_cast<double>(widen(x[within[0]]));
  };
  std::int64_t within[2];
  double sum = 0;
  each<Block, group_threads>(count, [&](std::int64_t i) { sum += element(i, within); });
  const double mean = Block::all(sum, AddUp{}) / count;
  double squares = 0;
  each<Block, group_threads>(count, [&](std::int64_t i) {
    const double distance = element(i, within) - mean;
    squares += distance * distance;
  });
  const double scale = 1 / sqrt(Block::all(squares, AddUp{}) / count + of.epsilon);
  const std::int64_t first = blockIdx.x % of.groups_each * of.channels;
  each<Block, group_threads>(count, [&](std::int64_t i) {
    const std::int64_t channel = first + i / of.pixels;
    const double normal = (element(i, within) - mean) * scale;
    const double factor = widen(static_cast<const T*>(of.weight)[channel * of.weight_step]);
    const double shift = widen(static_cast<const T*>(of.bias)[channel * of.bias_step]);
    out[within[1]] = narrow<T>(normal * factor + shift);
  });
}

template <typename T>
__global__ void batch_norm(Walk<6> walk, double epsilon) {
  wait_for_earlier();
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
  if (place >= walk.count) return;
  std::int64_t at[6];
  walk.find(place, at);
  const auto value = [&](int operand) {
    return static_cast<double>(widen(static_cast<const T*>(walk.data[operand])[at[operand]]));
  };
  const double factor = value(2) / sqrt(value(5) + epsilon);
  static_cast<T*>(walk.data[0])[at[0]] =
      narrow<T>(value(1) * factor + (value(3) - value(4) * factor));
}

template <typename T>
__global__ void resize(Resize of, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t place = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
  if (place >= count) return;
  const std::int64_t row = place / of.inner.count, part = place - row * of.inner.count;
  const std::int64_t outer = row / of.extent, i = row - outer * of.extent;
  T* out = static_cast<T*>(of.out) + place;
  if (of.is_outside[i] != 0) {
    *out = *reinterpret_cast<const T*>(&of.outside_bits);
    return;
  }
  std::int64_t from_outer[1], from_inner[1];
  of.outer.find(outer, from_outer);
  of.inner.find(part, from_inner);
  const T* x = static_cast<const T*>(of.outer.data[0]) + from_outer[0] + from_inner[0];
  if constexpr (is_float<T>) {
    if (of.width > 1) {
      Compute<T> sum = 0;
      for (std::int64_t t = i * of.width; t < (i + 1) * of.width; ++t) {
        if (of.weights[t] == 0) continue;
        sum += static_cast<Compute<T>>(of.weights[t]) * widen(x[of.places[t] * of.step]);
      }
      *out = narrow<T>(sum);
      return;
    }
  }
  *out = x[of.places[i] * of.step];
}

unsigned blocks_of(std::int64_t count) {
  return static_cast<unsigned>((count + block_threads - 1) / block_threads);
}

}  // namespace

void launch_group_norm(const GroupNorm& of, Element dtype, const LaunchPlace& place) {
  if (of.groups.count == 0 || of.group.count == 0) return;
  visit_floats(dtype, [&]<typename T>() {
    start_kernel(group_norm<T>, static_cast<unsigned>(of.groups.count), group_threads, 0, place,
                 of);
  });
}

void launch_batch_norm(const Loop<6>& loop, double epsilon, Element dtype,
                       const LaunchPlace& place) {
  if (loop.count == 0) return;
  visit_floats(dtype, [&]<typename T>() {
    start_kernel(batch_norm<T>, blocks_of(loop.count), block_threads, 0, place, Walk<6>(loop),
                 epsilon);
  });
}

void launch_resize(const Resize& of, Element dtype, const LaunchPlace& place) {
  const std::int64_t count = of.outer.count * of.extent * of.inner.count;
  if (count == 0) return;
  visit_all(dtype, [&]<typename T>() {
    start_kernel(resize<T>, blocks_of(count), block_threads, 0, place, of, count);
  });
}

}  // namespace paceline::kernels::cuda
