#pragma once

#include <cstdint>

#include "kernels/cuda/device/final_activation.h"
#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// Where items 0, 1, ... of an operand lie: axis 0 is the innermost, strides in elements.
struct Places {
  std::int32_t rank = 0;
  std::int64_t extents[rank_max] = {};
  std::int64_t strides[rank_max] = {};
};

// How the elements of the right factor are found.
enum class FactorForm : std::int32_t {
  strided,
  packed,   // By ops::Packing, elements of any float type.
  words24,  // By ops::words24.
  blocks,   // GGML's blocks, a row of them for each column.
};

struct Factor {
  FactorForm form = FactorForm::strided;
  const void* data = nullptr;
  Element dtype = Element::f32;  // Of strided and packed ones.
  Places batches;
  // strided: along the depth, along the columns. packed: of panel, group, column, element.
  // blocks: bytes between columns first.
  std::int64_t strides[4] = {};
  std::int64_t tile = 1, group = 1;  // packed: columns of a panel, elements of a group.
  // blocks: their kind, elements and bytes.
  std::int32_t block_code = 0, block_elements = 32, block_bytes = 0;
};

// out[b,i,j] = activation(sum over k of x[b,i,k] * factor[b,k,j] + bias[j] + residual[b,i,j]),
// summed in f32, in f64 for f64.
struct ProductArguments {
  std::int64_t batches = 1, rows = 0, columns = 0, depth = 0;
  Element dtype = Element::f32;  // Of x, bias, residual and out.
  const void* x = nullptr;
  Places x_batches, x_rows;
  std::int64_t x_stride = 1;  // Along the depth.
  Factor factor;
  const void* bias = nullptr;  // May be null.
  std::int64_t bias_stride = 1;
  const void* residual = nullptr;  // May be null, or lie where out does. Of one batch only.
  Places residual_rows;
  std::int64_t residual_stride = 1;
  void* out = nullptr;  // Dense.
  FinalActivation activation = FinalActivation::none;
};

// Any extents. Factors of words24 are for f32 alone.
void launch_product(const ProductArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
