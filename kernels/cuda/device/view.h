#pragma once

#include <cstdint>

// What crosses from host code (g++) to device code (nvcc): plain data, without the project's
// headers, which nvcc need not read.
struct CUstream_st;

namespace paceline::kernels::cuda {

inline constexpr int rank_max = 8;

// The numbers of `Dtype`; kernels/cuda/support/views.h checks that they agree.
enum class Element : std::int32_t { f64, f32, f16, bf16, i64, i32, i8, u8, boolean };

// Elements on the device: TensorView's fields.
struct DeviceView {
  void* data = nullptr;
  Element dtype = Element::f32;
  std::int32_t rank = 0;
  std::int64_t extents[rank_max] = {};
  std::int64_t strides[rank_max] = {};  // In elements.
};

// Where numbers of a view are read when the kernel runs: LateDims for one operand. Negative: as
// the view says.
struct LateView {
  const std::int64_t* values = nullptr;
  std::int32_t extents[rank_max] = {-1, -1, -1, -1, -1, -1, -1, -1};
  std::int32_t offset = -1;
};

// Where and for whom a launcher enqueues.
struct LaunchPlace {
  CUstream_st* stream = nullptr;
  void* fault = nullptr;  // A DataFault, or null.
  std::int32_t step = -1;
};

}  // namespace paceline::kernels::cuda
