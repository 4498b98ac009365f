#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// What is added to the results of a product. Either may be null.
template <typename T>
struct Around {
  const T* bias = nullptr;      // One for each column.
  const T* residual = nullptr;  // Laid out as the results; may lie where they go.

  // What belongs to the results from `column` of a row on, which begins at element `row_start`.
  Around at(std::int64_t row_start, std::int64_t column) const {
    return {bias == nullptr ? nullptr : bias + column,
            residual == nullptr ? nullptr : residual + row_start + column};
  }
};

template <typename T>
const T* optional_input(const Call& call, std::size_t input) {
  return call.inputs.size() > input ? call.inputs[input].as<const T>() : nullptr;
}

}  // namespace paceline::kernels::cpu
