#pragma once

#include <memory>
#include <span>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/device_runtime.h"
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
  // Whether some kernel reads numbers while it runs on the device.
  bool has_late() const;
  // What steps on a device are called with; `late_values` is where the values of `dims` are there,
  // null when has_late() is false. Before the first bind.
  void set_queue(const kernels::DeviceQueue& queue, DataFault* fault,
                 const std::int64_t* late_values);

  // Resolves everything. `views` are those of plan.tensors, `workspaces` by instruction. Throws
  // `unsupported` when a kernel does not take its operands.
  void bind(const Bindings& bindings, std::span<const TensorView> views,
            std::span<void* const> workspaces);
  // Resolves anew what changed since: operands (`changed`, of plan.tensors), workspaces, attributes
  // with changed symbols. A kernel whose late numbers alone changed is not bound again: it reads
  // them while it runs. After a throw, `bind` comes first.
  void rebind(const Bindings& bindings, const DimTable& dims, std::span<const TensorView> views,
              std::span<const std::int32_t> changed);
  void set_workspaces(std::span<void* const> workspaces);
  // By the last rebind: whose calls are others now, but for numbers that they read while they run.
  std::span<const std::int32_t> changed() const { return changed_; }

 private:
  // Indices of dims, for Call::late.
  struct Late {
    std::vector<std::int32_t> extents;
    std::vector<std::int32_t> offsets;
    LateDims dims;
  };
  struct Loaded {
    const Kernel* kernel = nullptr;
    BoundAttributes attributes;
    std::unique_ptr<Prepared> prepared;
    std::vector<TensorView> operands;  // Inputs, then outputs; the step's call views them.
    bool has_other_operands = false;
    bool has_other_attributes = false;
    bool has_other_workspace = false;
    std::unique_ptr<Late> late;  // Null: the kernel takes numbers in its call alone.
  };

  std::unique_ptr<Late> late_of(const Plan::Instruction& instruction, const Kernel& kernel,
                                DimTable& dims) const;
  bool changed_late_alone(std::size_t index, std::span<const TensorView> views) const;
  TensorView operand_of(std::size_t index, std::size_t operand, const TensorView& view) const;

  void resolve(std::size_t index, std::span<const TensorView> views);
  void touch(std::int32_t index);
  void check_divisible(std::size_t index, const Bindings& bindings) const;
  void refresh(std::size_t index, const Bindings& bindings);

  Resources resources_of(const Plan::Instruction& instruction) const;
  std::uint32_t lasting_inputs_of(const Plan::Instruction& instruction) const;

  const Plan& plan_;
  const Resources resources_;
  const DimTable& dims_;
  std::vector<Loaded> loaded_;
  std::vector<Step> steps_;
  Dependents by_tensor_;
  Dependents by_symbol_;  // Of attributes.
  std::vector<std::int32_t> touched_;
  std::vector<std::int32_t> changed_;
};

}  // namespace paceline
