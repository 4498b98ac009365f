#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// What our vectorised kernels compute on: halves are widened to float, and rounded once.
using SimdFloats = Dtypes<Dtype::f32, Dtype::f16, Dtype::bf16>;

// What they all say of themselves. Members of a family name themselves after their op.
inline KernelInfo simd_info(std::string name, std::string op, std::vector<Strides> input_strides,
                            double expected_efficiency,
                            Precision precision = Precision::approximates) {
  return {
      .name = std::move(name),
      .op = std::move(op),
      .library = "paceline",
      .accepts = {.dtypes = SimdFloats::list(), .input_strides = std::move(input_strides)},
      .precision = precision,
      .expected_efficiency = expected_efficiency,
  };
}

// A Kernel::run: the exported function as compiled for the best target of this machine.
#define PACELINE_BEST_TARGET(function) \
  [](const Call& call) { return HWY_DYNAMIC_DISPATCH(function)(call); }

}  // namespace paceline::kernels::cpu
