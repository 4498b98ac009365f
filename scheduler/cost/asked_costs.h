#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "scheduler/cost/cost_source.h"

namespace paceline {

// Why kernels, told apart by name, do not take workloads although their descriptions say that they
// might: asked once for each of the two, and remembered. One thread.
class AskedKernels {
 public:
  // nullopt: it takes the workload, or nobody can tell.
  using Ask = std::function<std::optional<std::string>(const KernelInfo&, const Workload&)>;

  explicit AskedKernels(Ask ask) : ask_(std::move(ask)) {}
  const std::optional<std::string>& refusal(const KernelInfo& kernel, const Workload& workload);

 private:
  Ask ask_;
  std::map<std::pair<std::string, WorkloadId>, std::optional<std::string>> answers_;
};

// The costs of another source, in which a kernel that was not measured on a workload and would
// refuse it is out there, as if it had been tried. Borrows what was asked.
class AskedCosts : public CostSource {
 public:
  AskedCosts(std::unique_ptr<CostSource> known, AskedKernels& asked)
      : known_(std::move(known)), asked_(asked) {}

  std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload& workload) override;
  std::optional<std::string> failure(const KernelInfo& kernel, const Workload& workload) override;

 private:
  std::unique_ptr<CostSource> known_;
  AskedKernels& asked_;
};

}  // namespace paceline
