#include "kernels/cuda/device/functions.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/row_registers.cuh"

namespace paceline::kernels::cuda {
namespace {

template <typename C>
__device__ __forceinline__ C lowest() {
  return -static_cast<C>(__int_as_float(0x7f800000));
}

template <typename T, int size, int pieces>
__global__ void __launch_bounds__(Team<size>::block) softmax_in_registers(SoftmaxRows rows) {
  wait_for_earlier();
  const std::int64_t row = Team<size>::row();
  if (row >= rows.rows.count) return;
  std::int64_t at[2];
  rows.rows.find(row, at);
  Row<T, size, pieces> x;
  x.load(static_cast<const T*>(rows.rows.data[0]) + at[0], rows.width, lowest<float>());
  float shift = lowest<float>();
#pragma unroll
  for (int p = 0; p < pieces; ++p) {
#pragma unroll
    for (int i = 0; i < x.chunk; ++i) shift = TakeLargest{}(shift, x.at[p][i]);
  }
  shift = Team<size>::all(shift, TakeLargest{});
  T* out = static_cast<T*>(rows.rows.data[1]) + at[1];
  if (rows.is_log) {
    const double sum = x.sum(rows.width, [&](float e) { return expf(e - shift); });
    const float log_sum = static_cast<float>(log(sum));
    x.store(out, rows.width, [&](float e, int, int) { return e - shift - log_sum; });
    return;
  }
#pragma unroll
  for (int p = 0; p < pieces; ++p) {
#pragma unroll
    for (int i = 0; i < x.chunk; ++i) x.at[p][i] = expf(x.at[p][i] - shift);
  }
  const double sum = x.sum(rows.width, [](float e) { return e; });
  const float scale = static_cast<float>(1 / sum);
  x.store(out, rows.width, [&](float e, int, int) { return e * scale; });
}

template <typename T, int size>
__global__ void __launch_bounds__(Team<size>::block) softmax_of_any(SoftmaxRows rows) {
  wait_for_earlier();
  using C = Compute<T>;
  const std::int64_t row = Team<size>::row();
  if (row >= rows.rows.count) return;
  std::int64_t at[2];
  rows.rows.find(row, at);
  const T* x = static_cast<const T*>(rows.rows.data[0]) + at[0];
  T* out = static_cast<T*>(rows.rows.data[1]) + at[1];
  const auto element = [&](std::int64_t i) { return widen(x[i * rows.steps[0]]); };
  C shift = lowest<C>();
  each<Team<size>, size>(rows.width,
                         [&](std::int64_t i) { shift = TakeLargest{}(shift, element(i)); });
  shift = Team<size>::all(shift, TakeLargest{});
  double sum = 0;
  each<Team<size>, size>(rows.width, [&](std::int64_t i) { sum += math::exp(element(i) - shift); });
  sum = Team<size>::all(sum, AddUp{});
  const C scale = static_cast<C>(1 / sum), log_sum = static_cast<C>(log(sum));
  each<Team<size>, size>(rows.width, [&](std::int64_t i) {
    const C distance = element(i) - shift;
    out[i * rows.steps[1]] =
        narrow<T>(rows.is_log ? distance - log_sum : math::exp(distance) * scale);
  });
}

}  // namespace

void launch_softmax(const SoftmaxRows& rows, Element dtype, const LaunchPlace& place) {
  const std::int64_t count = rows.rows.count;
  if (count == 0 || rows.width == 0) return;
  visit_floats(dtype, [&]<typename T>() {
    if constexpr (sizeof(T) <= 4) {
      const auto in_registers = [&]<int size, int pieces>() {
        start_kernel(softmax_in_registers<T, size, pieces>, row_blocks<size>(count),
                     Team<size>::block, 0, place, rows);
      };
      if (takes_pieces(rows, sizeof(T)) &&
          visit_row_size(rows.width * sizeof(T), count, in_registers)) {
        return;
      }
    }
    visit_team(rows.width, rows.steps[0] == 1, count, [&]<int size>() {
      start_kernel(softmax_of_any<T, size>, row_blocks<size>(count), Team<size>::block, 0, place,
                   rows);
    });
  });
}

}  // namespace paceline::kernels::cuda
