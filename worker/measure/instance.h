#pragma once

#include <memory>
#include <span>

#include "common/graph/workload.h"
#include "kernels/kernel.h"

namespace paceline {

// A kernel made ready to run on operands, as a session does for an instruction. Borrows the kernel
// and the operands, which must outlive it; owns workspace and state. Call within the arena in which
// it shall run.
class Instance {
 public:
  Instance(const Kernel& kernel, const Workload& workload, std::span<const TensorView> inputs,
           std::span<const TensorView> outputs, int threads);

  void run() const { run_(call_); }
  std::int64_t workspace_bytes() const { return workspace_.element_count(); }

 private:
  void (*run_)(const Call&);
  std::unique_ptr<Prepared> prepared_;
  Tensor workspace_;
  Call call_;
};

}  // namespace paceline
