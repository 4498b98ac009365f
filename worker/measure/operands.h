#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "common/graph/op.h"
#include "common/graph/tensor.h"
#include "common/graph/workload.h"

namespace paceline {

// The operands of one workload in memory: inputs drawn from the op's domain by a seed, outputs that
// all rivals write in turn. Owns the elements. One thread.
class Operands {
 public:
  Operands(const Op& op, const Workload& workload, std::uint64_t seed);

  std::span<const TensorView> inputs() const { return inputs_; }
  std::span<const TensorView> outputs() const { return outputs_; }
  // The inputs' elements as drawn, dense.
  std::span<const Tensor> drawn() const { return drawn_; }

  // Fills the outputs with bytes of ones (NaN, -1, true), so that an element nobody writes is seen,
  // and restores the inputs, which an op that updates its input overwrites.
  void reset();

 private:
  std::vector<Tensor> drawn_;
  std::vector<Tensor> storage_;
  std::vector<TensorView> inputs_;
  std::vector<TensorView> outputs_;
  std::vector<std::pair<int, int>> updates_;
};

}  // namespace paceline
