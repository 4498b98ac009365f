#include "worker/execute/steps.h"

#include <algorithm>

#include "common/base/error.h"
#include "worker/compile/compile.h"

namespace paceline {

Steps::Steps(const Plan& plan, std::span<const Kernel> kernels, const Resources& resources,
             DimTable& dims)
    : plan_(plan), resources_(resources), dims_(dims) {
  for (const Plan::Instruction& instruction : plan.instructions) {
    const auto index = static_cast<std::int32_t>(loaded_.size());
    for (const std::int32_t tensor : instruction.inputs) by_tensor_.add(tensor, index);
    for (const std::int32_t tensor : instruction.outputs) by_tensor_.add(tensor, index);
    Loaded loaded{.kernel = &kernel_of(instruction, kernels),
                  .attributes = BoundAttributes(instruction.attributes)};
    loaded.late = late_of(instruction, *loaded.kernel, dims);
    Attributes fixed = instruction.attributes;
    if (loaded.late && loaded.late->dims.start >= 0) fixed.set("start", Dim(0));
    for (const std::string& symbol : symbols_of(fixed)) {
      by_symbol_.add(dims.add_symbol(symbol), index);
    }
    loaded.operands.resize(instruction.inputs.size() + instruction.outputs.size());
    const std::span<const TensorView> all = loaded.operands;
    steps_.push_back({.run = loaded.kernel->run,
                      .call = {.inputs = all.first(instruction.inputs.size()),
                               .outputs = all.subspan(instruction.inputs.size()),
                               .threads = resources_of(instruction).threads,
                               .lasting_inputs = lasting_inputs_of(instruction)}});
    loaded_.push_back(std::move(loaded));  // The elements of a moved vector stay in place.
  }
  touched_.reserve(steps_.size());
  changed_.reserve(steps_.size());
}

// What the prologue made, and what it began with: no step writes there.
std::uint32_t Steps::lasting_inputs_of(const Plan::Instruction& instruction) const {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(instruction.inputs.size(), 32); ++i) {
    const Plan::Storage storage = plan_.tensors[instruction.inputs[i]].storage;
    const bool lasts = storage == Plan::Storage::prepared || storage == Plan::Storage::weight ||
                       storage == Plan::Storage::constant;
    if (lasts) bits |= std::uint32_t{1} << i;
  }
  return bits;
}

Resources Steps::resources_of(const Plan::Instruction& instruction) const {
  Resources resources = resources_;
  resources.device = instruction.device;
  if (instruction.bundle >= 0) resources.threads = 1;
  return resources;
}

std::unique_ptr<Steps::Late> Steps::late_of(const Plan::Instruction& instruction,
                                            const Kernel& kernel, DimTable& dims) const {
  if (!kernel.takes_late_dims) return nullptr;
  auto late = std::make_unique<Late>();
  const auto add = [&](const Dim& dim) { return dim.is_constant() ? -1 : dims.add(dim); };
  const auto add_operand = [&](std::int32_t index) {
    const Plan::Tensor& tensor = plan_.tensors[index];
    for (std::size_t axis = 0; axis < tensor_rank_max; ++axis) {
      const bool is_there = axis < tensor.type.shape.size();
      late->extents.push_back(is_there ? add(tensor.type.shape[axis]) : -1);
    }
    late->offsets.push_back(add(tensor.offset));
  };
  for (const std::int32_t input : instruction.inputs) add_operand(input);
  for (const std::int32_t output : instruction.outputs) add_operand(output);
  const Attribute* start = instruction.attributes.find("start");
  if (start != nullptr && std::holds_alternative<Dim>(*start)) {
    late->dims.start = add(std::get<Dim>(*start));
  }
  late->dims.extents = late->extents;
  late->dims.offsets = late->offsets;
  return late;
}

bool Steps::has_late() const {
  return std::ranges::any_of(loaded_, [](const Loaded& loaded) { return loaded.late != nullptr; });
}

void Steps::set_queue(const kernels::DeviceQueue& queue, DataFault* fault,
                      const std::int64_t* late_values) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (plan_.instructions[i].device.kind == DeviceKind::cpu) continue;
    Call& call = steps_[i].call;
    call.stream = queue.stream();
    call.fault = fault;
    call.step = static_cast<std::int32_t>(i);
    if (Late* late = loaded_[i].late.get()) {
      late->dims.values = late_values;
      call.late = &late->dims;
    }
  }
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
    loaded_[i].has_other_workspace = true;
    touch(static_cast<std::int32_t>(i));
  }
}

void Steps::rebind(const Bindings& bindings, const DimTable& dims,
                   std::span<const TensorView> views, std::span<const std::int32_t> changed) {
  changed_.clear();
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
    const bool stays = changed_late_alone(index, views);
    resolve(index, views);
    if (stays) {
      check_divisible(index, bindings);
      loaded_[index].has_other_operands = false;
    } else {
      refresh(index, bindings);
      changed_.push_back(index);
    }
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
  std::vector<TensorView>& operands = loaded_[index].operands;
  std::size_t operand = 0;
  const auto add = [&](std::int32_t tensor) {
    operands[operand] = operand_of(index, operand, views[tensor]);
    ++operand;
  };
  for (const std::int32_t tensor : instruction.inputs) add(tensor);
  for (const std::int32_t tensor : instruction.outputs) add(tensor);
}

// An offset that is read late is none of the view's.
TensorView Steps::operand_of(std::size_t index, std::size_t operand, const TensorView& view) const {
  const Late* late = loaded_[index].late.get();
  if (late == nullptr || late->offsets[operand] < 0 || view.data == nullptr) return view;
  TensorView base = view;
  base.data =
      static_cast<std::byte*>(view.data) -
      dims_.value(late->offsets[operand]) * static_cast<std::int64_t>(size_bytes(view.dtype));
  return base;
}

// Grids follow outputs: where those have other extents, the call is another.
bool Steps::changed_late_alone(std::size_t index, std::span<const TensorView> views) const {
  const Loaded& loaded = loaded_[index];
  if (!loaded.late || loaded.has_other_attributes || loaded.has_other_workspace) return false;
  const Plan::Instruction& instruction = plan_.instructions[index];
  std::size_t operand = 0;
  const auto stays = [&](std::int32_t tensor) {
    const TensorView before = loaded.operands[operand];
    const TensorView now = operand_of(index, operand, views[tensor]);
    const bool is_output = operand >= instruction.inputs.size();
    const std::int32_t* extents = &loaded.late->extents[operand * tensor_rank_max];
    ++operand;
    if (now.data != before.data) return false;
    for (int axis = 0; axis < now.rank; ++axis) {
      if (now.strides[axis] != before.strides[axis]) return false;
      const bool may_change = !is_output && extents[axis] >= 0;
      if (!may_change && now.extents[axis] != before.extents[axis]) return false;
    }
    return true;
  };
  return std::ranges::all_of(instruction.inputs, stays) &&
         std::ranges::all_of(instruction.outputs, stays);
}

void Steps::check_divisible(std::size_t index, const Bindings& bindings) const {
  const KernelInfo& info = loaded_[index].kernel->info;
  if (info.accepts.divisible.empty()) return;
  const Workload workload = workload_of(plan_, plan_.instructions[index], bindings);
  if (const auto reason = refusal(info, workload)) {
    throw unsupported("kernel {} {}: {}", info.name, *reason, workload.to_text());
  }
}

void Steps::refresh(std::size_t index, const Bindings& bindings) {
  Loaded& loaded = loaded_[index];
  const Kernel& kernel = *loaded.kernel;
  const Plan::Instruction& instruction = plan_.instructions[index];
  check_divisible(index, bindings);
  if (loaded.has_other_attributes && kernel.prepare) {
    loaded.prepared = kernel.prepare(loaded.attributes.bind(bindings), resources_of(instruction));
    steps_[index].call.prepared = loaded.prepared.get();
  }
  if (kernel.bind) kernel.bind(steps_[index].call);
  loaded.has_other_operands = loaded.has_other_attributes = loaded.has_other_workspace = false;
}

}  // namespace paceline
