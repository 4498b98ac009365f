#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/kernel.h"
#include "worker/execute/bound_attributes.h"
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
  Steps(const Plan& plan, std::span<const Kernel> kernels, const Resources& resources,
        DimTable& dims);

  std::span<const Step> all() const { return steps_; }

  // Resolves everything. `views` are those of plan.tensors, `workspaces` by instruction. Throws
  // `unsupported` when a kernel does not take its operands.
  void bind(const Bindings& bindings, std::span<const TensorView> views,
            std::span<void* const> workspaces);
  // Resolves anew what changed since: operands (`changed`, of plan.tensors), workspaces, attributes
  // with changed symbols. After a throw, `bind` comes first.
  void rebind(const Bindings& bindings, const DimTable& dims, std::span<const TensorView> views,
              std::span<const std::int32_t> changed);
  void set_workspaces(std::span<void* const> workspaces);

 private:
  struct Loaded {
    const Kernel* kernel = nullptr;
    BoundAttributes attributes;
    std::unique_ptr<Prepared> prepared;
    std::vector<TensorView> operands;  // Inputs, then outputs; the step's call views them.
    bool has_other_operands = false;
    bool has_other_attributes = false;
  };

  void resolve(std::size_t index, std::span<const TensorView> views);
  void touch(std::int32_t index);
  void refresh(std::size_t index, const Bindings& bindings);

  const Plan& plan_;
  const Resources resources_;
  std::vector<Loaded> loaded_;
  std::vector<Step> steps_;
  Dependents by_tensor_;
  Dependents by_symbol_;  // Of attributes.
  std::vector<std::int32_t> touched_;
};

}  // namespace paceline
