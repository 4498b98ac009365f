#pragma once

#include "kernels/cuda/device/walk.h"

namespace paceline::kernels::cuda {

// Operands: x, out. Channels of a group are the outermost axis of `group`.
struct GroupNorm {
  Walk<2> groups, group;
  std::int64_t groups_each = 1;           // Of one batch.
  std::int64_t channels = 0, pixels = 0;  // Of a group; of a channel.
  const void *weight = nullptr, *bias = nullptr;
  std::int64_t weight_step = 1, bias_step = 1;
  double epsilon = 0;
};
void launch_group_norm(const GroupNorm& of, Element dtype, const LaunchPlace& place);

// Operands: out, x, weight, bias, mean, variance.
void launch_batch_norm(const Loop<6>& loop, double epsilon, Element dtype,
                       const LaunchPlace& place);

// Element (o, i, t) of a dense output is the sum of `width` weighted elements of x along the axis.
struct Resize {
  Walk<1> outer, inner;  // Of x.
  void* out = nullptr;
  std::int64_t extent = 0, step = 0;  // Of the output's axis; of x along it.
  std::int64_t width = 0;
  const std::int64_t* places = nullptr;
  const double* weights = nullptr;
  const std::uint8_t* is_outside = nullptr;
  std::uint64_t outside_bits = 0;  // The element for what is outside.
};
void launch_resize(const Resize& of, Element dtype, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
