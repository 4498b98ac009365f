#include "worker/execute/steps.h"

#include "common/base/error.h"
#include "worker/compile/compile.h"

namespace paceline {

Steps::Steps(const Plan& plan, std::span<const Kernel> kernels, const Resources& resources)
    : plan_(plan), resources_(resources) {
  for (const Plan::Instruction& instruction : plan.instructions) {
    Loaded loaded{.kernel = &kernel_of(instruction, kernels),
                  .attribute_symbols = symbols_of(instruction.attributes)};
    loaded.operands.resize(instruction.inputs.size() + instruction.outputs.size());
    const std::span<const TensorView> all = loaded.operands;
    steps_.push_back({.run = loaded.kernel->run,
                      .call = {.inputs = all.first(instruction.inputs.size()),
                               .outputs = all.subspan(instruction.inputs.size()),
                               .threads = resources.threads}});
    loaded_.push_back(std::move(loaded));  // The elements of a moved vector stay in place.
  }
}

void Steps::forget() {
  for (Loaded& loaded : loaded_) loaded.is_bound = false;
}

void Steps::bind(const Bindings& bindings, const DimTable& dims, std::span<const TensorView> views,
                 const std::vector<bool>& changed, std::span<void* const> workspaces) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Loaded& loaded = loaded_[i];
    const bool other_attributes = !loaded.is_bound || dims.changed(loaded.attribute_symbols);
    const bool other_operands = resolve(i, views, changed, workspaces[i]);
    if (!other_attributes && !other_operands) continue;
    loaded.is_bound = false;
    if (!loaded.kernel->info.accepts.divisible.empty()) {
      const Workload workload = workload_of(plan_, plan_.instructions[i], bindings);
      if (const auto reason = refusal(loaded.kernel->info, workload)) {
        throw unsupported("kernel {} {}: {}", loaded.kernel->info.name, *reason,
                          workload.to_text());
      }
    }
    if (other_attributes) prepare(i, bindings);
    if (loaded.kernel->bind) loaded.kernel->bind(steps_[i].call);
    loaded.is_bound = true;
  }
}

bool Steps::resolve(std::size_t index, std::span<const TensorView> views,
                    const std::vector<bool>& changed, void* workspace) {
  Loaded& loaded = loaded_[index];
  Call& call = steps_[index].call;
  bool any = !loaded.is_bound || call.workspace != workspace;
  call.workspace = workspace;
  std::size_t operand = 0;
  const auto update = [&](std::int32_t tensor) {
    if (!loaded.is_bound || changed[tensor]) {
      loaded.operands[operand] = views[tensor];
      any = true;
    }
    ++operand;
  };
  for (const std::int32_t tensor : plan_.instructions[index].inputs) update(tensor);
  for (const std::int32_t tensor : plan_.instructions[index].outputs) update(tensor);
  return any;
}

void Steps::prepare(std::size_t index, const Bindings& bindings) {
  Loaded& loaded = loaded_[index];
  if (!loaded.kernel->prepare) return;
  loaded.prepared =
      loaded.kernel->prepare(plan_.instructions[index].attributes.bind(bindings), resources_);
  steps_[index].call.prepared = loaded.prepared.get();
}

}  // namespace paceline
