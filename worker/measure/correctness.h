#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "worker/measure/operands.h"

namespace paceline {

// How wrong a kernel may be before it counts as wrong, from the operands' precision and the length
// of the sums: u * (16 + 2 * sqrt(n)), where u is the unit roundoff of the narrowest float (of
// bf16 when the kernel narrows), and n the flops an output element takes or the longest axis,
// whichever is larger. The root is how rounding errors of random sign add up (Higham and Mary 2019,
// "A new approach to probabilistic rounding error analysis"). 0 for ops without floats.
double relative_error_max(const Op& op, const Workload& workload, Precision precision);

struct Checked {
  TensorError error;                 // The largest of the outputs.
  std::optional<std::string> wrong;  // Why it may not be used.
};

// Compares kernels on one workload with what the op means. Where the double reference would take
// too long, with the reference at smaller extents and with the plain kernel in full. One thread,
// within the arena in which kernels shall run.
class Correctness {
 public:
  // Evaluates the reference, which takes seconds at most. `plain` may be null.
  Correctness(const Op& op, const Workload& workload, Operands& operands, const Kernel* plain,
              std::uint64_t seed, int threads);

  std::int32_t method() const;  // Of Measurement::method.
  // Runs `kernel` once or twice; whatever it throws passes through.
  Checked check(const Kernel& kernel);

 private:
  Checked check_in_full(const Kernel& kernel, const Workload& workload, Operands& operands,
                        std::span<const Tensor> expected);

  const Op& op_;
  const Workload& workload_;
  Operands& operands_;
  int threads_;
  std::vector<Tensor> expected_;  // Empty: nothing to compare with in full.
  struct Part {
    Workload workload;
    Operands operands;
    std::vector<Tensor> expected;
  };
  std::optional<Part> part_;
};

}  // namespace paceline
