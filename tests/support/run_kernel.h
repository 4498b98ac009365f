#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "common/graph/op.h"
#include "common/graph/workload.h"
#include "kernels/kernel.h"

namespace paceline::test {

// What the op's reference makes of `inputs`, as f64, i64 or bool.
std::vector<Tensor> reference_outputs(const Op& op, const Attributes& attributes,
                                      std::span<const Tensor> inputs);

// The same elements elsewhere in memory. The gaps hold bytes that no test draws: NaN, -1, 255.
struct StridedInput {
  std::shared_ptr<std::byte[]> storage;
  TensorView view;
};
enum class Arrangement {
  dense,
  gaps,        // Rows apart, the last axis contiguous: a slice of a wider tensor.
  permuted,    // The axes before the last in reverse order: [B,H,N,D] out of [B,N,H,D].
  transposed,  // All axes in reverse order.
  spread,      // Every axis with a step of 2.
  reversed,    // The last axis backwards.
};
inline constexpr Arrangement all_arrangements[] = {Arrangement::dense,    Arrangement::gaps,
                                                   Arrangement::permuted, Arrangement::transposed,
                                                   Arrangement::spread,   Arrangement::reversed};
const char* to_string(Arrangement arrangement);
StridedInput arrange(const Tensor& elements, Arrangement arrangement);

// The operand as a workload states it: extents, and strides unless it is dense.
OperandType operand_of(const TensorView& view);

struct RunOptions {
  int threads = 1;
  // Each output gets the address of a copy of the input beside it, as `Op::in_place` and
  // `updates` allow.
  std::vector<std::pair<int, int>> in_place = {};
};

struct KernelOutcome {
  std::vector<Tensor> outputs;
  bool is_repeatable = true;   // A second run gave the same bytes.
  bool wrote_outside = false;  // Of an output or of the workspace.
};

// Runs a kernel as a session would: prepared once, bound, then run twice within an
// arena of that many threads. Outputs and workspace lie between guards and hold rubbish before each
// run. Requires: the kernel accepts the inputs; `attributes` are complete.
KernelOutcome run_kernel(const Kernel& kernel, const Op& op, const Attributes& attributes,
                         std::span<const TensorView> inputs, RunOptions options = {});

}  // namespace paceline::test
