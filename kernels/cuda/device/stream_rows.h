#pragma once

#include <cstdint>

#include "kernels/cuda/device/final_activation.h"
#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// Rows that launch_stream_rows takes at once.
inline constexpr std::int64_t stream_rows_max = 4;

// A weight [columns, depth], dense. Bias and out may be null.
struct StreamPart {
  const void* weight = nullptr;
  const void* bias = nullptr;
  void* out = nullptr;  // [rows, columns], dense.
  std::int64_t columns = 0;
};

// out of each part = activation(n * weight^T + bias + residual), where n is x, or, with `norm`, the
// rms_norm of its rows, in f32 or rounded to their type. Sums are kept in f32. Gated: two parts of
// equal columns, and out of the first = activation(n * weight^T of the first) * (n * weight^T of
// the second).
struct StreamArguments {
  static constexpr int parts_max = 4;
  std::int64_t rows = 0, depth = 0;
  Element dtype = Element::f32;  // Of everything: f32, f16 or bf16.
  const void* x = nullptr;       // [rows, depth], dense.
  const void* norm = nullptr;    // [depth], dense; may be null.
  double epsilon = 0, weight_offset = 0;
  StreamPart parts[parts_max];
  std::int32_t part_count = 1;
  bool is_gated = false;
  bool weights_last = false;  // Nobody writes them while kernels of the stream may run.
  FinalActivation activation = FinalActivation::none;
  const void* residual = nullptr;  // [rows, columns], dense; of one part alone.
};

// Whether launch_stream_rows takes it: up to stream_rows_max rows of at most 16 KiB, or two of 32,
// that are, as all addresses, multiples of 16 bytes.
bool takes_stream_rows(const StreamArguments& arguments);

// Weights go through shared memory in large pieces, the first of them, where they last, while
// kernels ahead in the stream still run: what bounds it is memory alone. Every multiprocessor has
// an equal share of the columns.
void launch_stream_rows(const StreamArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
