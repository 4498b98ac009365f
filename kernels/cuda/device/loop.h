#pragma once

#include <cstdint>

#include "kernels/cuda/device/view.h"

namespace paceline::kernels::cuda {

// A walk over operands of equal extents, with axes merged where they continue each other in every
// operand: axis 0 is the innermost. Dense operands have one axis.
template <int operand_count>
struct Loop {
  std::int64_t count = 0;  // Elements in all.
  std::int32_t rank = 0;
  std::int64_t extents[rank_max] = {};
  std::int64_t strides[operand_count][rank_max] = {};  // In elements.
  void* data[operand_count] = {};

  bool is_dense() const {
    if (rank > 1) return false;
    for (int i = 0; i < operand_count; ++i) {
      if (rank == 1 && strides[i][0] != 1) return false;
    }
    return true;
  }
};

}  // namespace paceline::kernels::cuda
