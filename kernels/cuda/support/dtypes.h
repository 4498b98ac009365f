#pragma once

#include <string>
#include <vector>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cuda/support/info.h"

namespace paceline::kernels::cuda {

using cpu::AllDtypes;
using cpu::Booleans;
using cpu::Floats;
using cpu::Indices;
using cpu::Integers;
using cpu::Numbers;

// Of the kernel that takes whatever its op takes.
inline KernelInfo any_info(std::string op, std::vector<Dtype> dtypes,
                           std::vector<Strides> input_strides = {Strides::any},
                           Precision precision = Precision::approximates,
                           double expected_efficiency = 0.5) {
  KernelInfo info = cuda_info(std::move(op), std::move(dtypes), std::move(input_strides), precision,
                              expected_efficiency);
  info.is_plain = true;
  return info;
}

// The op's name is the member's, too.
inline Kernel named(KernelInfo info) {
  info.name = info.op;
  return {.info = std::move(info)};
}

}  // namespace paceline::kernels::cuda
