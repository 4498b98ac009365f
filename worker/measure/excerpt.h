#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/graph/op.h"
#include "common/graph/tensor.h"
#include "common/graph/workload.h"

namespace paceline {

// A part of a result that the double reference computes from a part of the operands alone: some
// rows of a product, some heads of an attention.
struct Excerpt {
  struct Range {
    std::int64_t begin = 0;
    std::int64_t count = 0;
  };
  std::vector<Range> ranges;  // By axis of output 0.
  Tensor expected;            // In f64 (i64, bool), dense.

  // The elements of these ranges, dense.
  Tensor of(const TensorView& output) const;
};

// A case of an op that is small enough for its reference: inputs as drawn, output 0 as computed.
struct SolvedCase {
  const Workload& workload;
  std::span<const Tensor> inputs;
  const Tensor& expected;
};

// Excerpts of at most `flops_max` (or one index of every axis that can be cut) at places drawn by
// `seed`, and at the end of each axis, where tiles are ragged. An axis of the output can be cut
// where the same range of some inputs' axes of that extent infers to it, and gives the same numbers
// in `solved`, which has the shape of `workload` with smaller extents. Empty when none can be, and
// for ops of several outputs.
std::vector<Excerpt> excerpts(const Op& op, const Workload& workload,
                              std::span<const Tensor> inputs, const SolvedCase& solved,
                              double flops_max, std::uint64_t seed);

// The op's reference on `inputs` of any dtype, dense. One tensor for each output.
std::vector<Tensor> reference_of(const Op& op, const Workload& workload,
                                 std::span<const Tensor> inputs);

}  // namespace paceline
