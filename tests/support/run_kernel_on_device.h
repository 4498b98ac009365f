#pragma once

#include <span>

#include "common/graph/op.h"
#include "kernels/device_runtime.h"
#include "kernels/kernel.h"
#include "tests/support/run_kernel.h"

namespace paceline::test {

// run_kernel() for a kernel of device 0: operands, with the gaps between their elements, are mirrored
// to the device between guard bytes. Whatever it changes there besides outputs and workspace counts
// as written outside, its inputs too. `shift` moves every input by so many elements, away from any
// alignment but its dtype's. Throws `invalid` for what the kernel found wrong with the data.
// Requires: kernels::cuda_absence() is empty. One thread.
KernelOutcome run_kernel_on_device(const Kernel& kernel, const Op& op, const Attributes& attributes,
                                   std::span<const TensorView> inputs, RunOptions options = {},
                                   std::int64_t shift = 0);

}  // namespace paceline::test
