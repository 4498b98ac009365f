#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "worker/measure/excerpt.h"
#include "worker/measure/operands.h"
#include "worker/measure/stage.h"

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
  double first_call_s = 0;           // What the run on the whole workload took.
};

// Compares kernels on one workload with what the op means. Where the double reference would take
// too long: with the reference at smaller extents, with excerpts of it at the workload's own, and
// in full with a kernel that passed both. One thread, within the arena in which kernels shall run.
class Correctness {
 public:
  // Evaluates the reference, which takes a second or two. `stage` holds `operands`, and kernels are
  // of its device, `plain` too: it may be null, and is run where no excerpt can be made.
  Correctness(const Op& op, const Workload& workload, Operands& operands, Stage& stage,
              const Device& device, const Kernel* plain, std::uint64_t seed, int threads);

  std::int32_t method() const;  // Of Measurement::method.
  // Runs `kernel` once or twice; whatever it throws passes through. Where there are excerpts, the
  // first that passes and does not narrow is what the later ones are compared with in full.
  Checked check(const Kernel& kernel);

 private:
  // A smaller case of the same op, with the reference's result in full.
  struct Part {
    Workload workload;
    Operands operands;
    std::vector<Tensor> expected;
    std::unique_ptr<Stage> stage;
  };

  static double run(const Kernel& kernel, Stage& stage);
  // Of what lies in the outputs against `expected`, into `checked`.
  void compare_all(const Workload& workload, const Operands& operands,
                   std::span<const Tensor> expected, double bound, Checked& checked) const;
  void compare_excerpts(double bound, Checked& checked) const;

  const Op& op_;
  const Workload& workload_;
  Operands& operands_;
  Stage& stage_;
  std::vector<Tensor> expected_;  // Empty: nothing to compare with in full, yet.
  double expected_bound_ = 0;     // How wrong that may be itself.
  std::optional<Part> part_;
  std::vector<Excerpt> excerpts_;
};

}  // namespace paceline
