#pragma once

#include "kernels/cuda/device/walk.h"

namespace paceline::kernels::cuda {

// Rows along one axis, `width` elements each, of operands that differ in strides.
template <int operands>
struct RowsOf {
  Walk<operands> rows;
  std::int64_t width = 0;
  std::int64_t steps[operands] = {};  // Between elements of a row.
};

// Operands: x, out.
struct SoftmaxRows : RowsOf<2> {
  bool is_log = false;
};
void launch_softmax(const SoftmaxRows& rows, Element dtype, const LaunchPlace& place);

// Operands: x, residual, sum, normed. Without `adds` the second and third are not touched.
struct NormRows : RowsOf<4> {
  bool adds = false;
  bool is_layer = false;  // Else by the root of the mean square, without bias.
  const void* weight = nullptr;
  const void* bias = nullptr;
  std::int64_t weight_step = 1, bias_step = 1;
  double epsilon = 0, weight_offset = 0;
};
void launch_norm(const NormRows& rows, Element dtype, const LaunchPlace& place);

// Operands: x, cos, sin, out.
struct RopeRows : RowsOf<4> {
  std::int64_t pairs = 0;
  bool is_interleaved = false;
};
void launch_rope(const RopeRows& rows, Element dtype, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
