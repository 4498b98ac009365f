#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/kernel.h"

namespace paceline::kernels::cuda {

// What our own kernels for the GPU say of themselves. One `is_plain` kernel of an op takes every
// dtype and any strides.
inline KernelInfo cuda_info(std::string op, std::vector<Dtype> dtypes,
                            std::vector<Strides> input_strides = {Strides::any},
                            Precision precision = Precision::approximates,
                            double expected_efficiency = 0.5) {
  return {
      .op = std::move(op),
      .library = "paceline",
      .device = DeviceKind::cuda,
      .accepts = {.dtypes = std::move(dtypes), .input_strides = std::move(input_strides)},
      .precision = precision,
      .expected_efficiency = expected_efficiency,
  };
}

}  // namespace paceline::kernels::cuda
