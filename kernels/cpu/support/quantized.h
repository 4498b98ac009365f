#pragma once

#include <cstdint>
#include <string>

#include "common/ops/block_format.h"
#include "kernels/cpu/support/around.h"

namespace paceline::kernels::cpu {

// Of ops on blocks: which.
struct QuantizedState : Prepared {
  explicit QuantizedState(const Attributes& attributes)
      : format(ops::block_format(attributes.get<std::string>("format"))) {}
  const ops::BlockFormat& format;
};

// m rows of k elements times n rows of blocks, `row_bytes` each. All dense.
template <typename T>
struct QuantizedProduct {
  std::int64_t m, n, k, row_bytes;
  const T* x;
  const std::uint8_t* blocks;
  const T* bias;  // May be null.
  T* out;
};

// Requires: the output has elements.
template <typename T>
QuantizedProduct<T> quantized_product(const Call& call) {
  const TensorView &x = call.inputs[0], &blocks = call.inputs[1], &out = call.outputs[0];
  return {.m = out.element_count() / blocks.extents[0],
          .n = blocks.extents[0],
          .k = x.extents[x.rank - 1],
          .row_bytes = blocks.extents[1],
          .x = x.as<const T>(),
          .blocks = blocks.as<const std::uint8_t>(),
          .bias = optional_input<T>(call, 2),
          .out = out.as<T>()};
}

}  // namespace paceline::kernels::cpu
