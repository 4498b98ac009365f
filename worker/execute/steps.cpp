#include "worker/execute/steps.h"

#include "common/base/error.h"
#include "worker/compile/compile.h"

namespace paceline {

Steps::Steps(const Plan& plan, std::span<const Kernel> kernels, const Resources& resources,
             DimTable& dims)
    : plan_(plan), resources_(resources) {
  for (const Plan::Instruction& instruction : plan.instructions) {
    const auto index = static_cast<std::int32_t>(loaded_.size());
    for (const std::int32_t tensor : instruction.inputs) by_tensor_.add(tensor, index);
    for (const std::int32_t tensor : instruction.outputs) by_tensor_.add(tensor, index);
    for (const std::string& symbol : symbols_of(instruction.attributes)) {
      by_symbol_.add(dims.add_symbol(symbol), index);
    }
    Loaded loaded{.kernel = &kernel_of(instruction, kernels),
                  .attributes = BoundAttributes(instruction.attributes)};
    loaded.operands.resize(instruction.inputs.size() + instruction.outputs.size());
    const std::span<const TensorView> all = loaded.operands;
    steps_.push_back({.run = loaded.kernel->run,
                      .call = {.inputs = all.first(instruction.inputs.size()),
                               .outputs = all.subspan(instruction.inputs.size()),
                               .threads = resources.threads}});
    loaded_.push_back(std::move(loaded));  // The elements of a moved vector stay in place.
  }
  touched_.reserve(steps_.size());
}

void Steps::bind(const Bindings& bindings, std::span<const TensorView> views,
                 std::span<void* const> workspaces) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    steps_[i].call.workspace = workspaces[i];
    loaded_[i].has_other_attributes = true;
    resolve(i, views);
    refresh(i, bindings);
  }
  touched_.clear();
}

void Steps::set_workspaces(std::span<void* const> workspaces) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].call.workspace == workspaces[i]) continue;
    steps_[i].call.workspace = workspaces[i];
    touch(static_cast<std::int32_t>(i));
  }
}

void Steps::rebind(const Bindings& bindings, const DimTable& dims,
                   std::span<const TensorView> views, std::span<const std::int32_t> changed) {
  for (const std::int32_t tensor : changed) {
    for (const std::int32_t index : by_tensor_.of(tensor)) touch(index);
  }
  for (const std::int32_t symbol : dims.changed_symbols()) {
    for (const std::int32_t index : by_symbol_.of(symbol)) {
      touch(index);
      loaded_[index].has_other_attributes = true;
    }
  }
  for (const std::int32_t index : touched_) {
    resolve(index, views);
    refresh(index, bindings);
  }
  touched_.clear();
}

// A step is noted once, however much of it changes.
void Steps::touch(std::int32_t index) {
  Loaded& loaded = loaded_[index];
  if (!loaded.has_other_operands) touched_.push_back(index);
  loaded.has_other_operands = true;
}

void Steps::resolve(std::size_t index, std::span<const TensorView> views) {
  const Plan::Instruction& instruction = plan_.instructions[index];
  TensorView* operand = loaded_[index].operands.data();
  for (const std::int32_t tensor : instruction.inputs) *operand++ = views[tensor];
  for (const std::int32_t tensor : instruction.outputs) *operand++ = views[tensor];
}

void Steps::refresh(std::size_t index, const Bindings& bindings) {
  Loaded& loaded = loaded_[index];
  const Kernel& kernel = *loaded.kernel;
  const Plan::Instruction& instruction = plan_.instructions[index];
  if (!kernel.info.accepts.divisible.empty()) {
    const Workload workload = workload_of(plan_, instruction, bindings);
    if (const auto reason = refusal(kernel.info, workload)) {
      throw unsupported("kernel {} {}: {}", kernel.info.name, *reason, workload.to_text());
    }
  }
  if (loaded.has_other_attributes && kernel.prepare) {
    loaded.prepared = kernel.prepare(loaded.attributes.bind(bindings), resources_);
    steps_[index].call.prepared = loaded.prepared.get();
  }
  if (kernel.bind) kernel.bind(steps_[index].call);
  loaded.has_other_operands = loaded.has_other_attributes = false;
}

}  // namespace paceline
