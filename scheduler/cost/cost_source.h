#pragma once

#include <optional>

#include "common/graph/kernel_info.h"
#include "common/graph/path.h"
#include "common/graph/workload.h"

namespace paceline {

// What a kernel would take on a workload on the machine and environment that the source was made
// for. Pure: answers from what it was given. One thread.
class CostSource {
 public:
  virtual ~CostSource() = default;

  // The best founded answer: measured here before the same model of machine before interpolation
  // before the roofline; nullopt only when not even a roofline is known, or when the kernel is
  // known to fail there.
  virtual std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload& workload) = 0;
  // Why the store says that the kernel must not be used on the workload (wrong, crashed, ...).
  virtual std::optional<std::string> failure(const KernelInfo& kernel,
                                             const Workload& workload) = 0;
};

}  // namespace paceline
