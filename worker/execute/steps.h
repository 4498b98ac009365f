#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/kernel.h"
#include "worker/execute/dim_table.h"

namespace paceline {

// What the loop of a run touches: a function and its arguments.
struct Step {
  void (*run)(const Call&) = nullptr;
  Call call;
};

// The instructions of a plan with their kernels' state and resolved operands. One thread.
class Steps {
 public:
  // Throws `unsupported` when `kernels` lacks one.
  Steps(const Plan& plan, std::span<const Kernel> kernels, const Resources& resources);

  std::span<const Step> all() const { return steps_; }

  // Resolves anew what changed: operands (`views`, those of plan.tensors, where `changed` says so),
  // workspaces (by instruction), attributes with changed symbols. Throws `unsupported` when a
  // kernel does not take its operands any more.
  void bind(const Bindings& bindings, const DimTable& dims, std::span<const TensorView> views,
            const std::vector<bool>& changed, std::span<void* const> workspaces);
  void forget();  // The next bind resolves everything.

 private:
  struct Loaded {
    const Kernel* kernel = nullptr;
    std::set<std::string> attribute_symbols;
    std::unique_ptr<Prepared> prepared;
    std::vector<TensorView> operands;  // Inputs, then outputs; the step's call views them.
    bool is_bound = false;
  };

  bool resolve(std::size_t index, std::span<const TensorView> views,
               const std::vector<bool>& changed, void* workspace);
  void prepare(std::size_t index, const Bindings& bindings);

  const Plan& plan_;
  const Resources resources_;
  std::vector<Loaded> loaded_;
  std::vector<Step> steps_;
};

}  // namespace paceline
