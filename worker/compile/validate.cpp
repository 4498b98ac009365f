#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "scheduler/passes/statics.h"
#include "worker/compile/arena.h"
#include "worker/compile/compile.h"
#include "worker/compile/kernel_finder.h"

namespace paceline {

namespace {

std::vector<std::int64_t> evaluate_all(const std::vector<Dim>& dims, const Bindings& bindings) {
  std::vector<std::int64_t> values;
  for (const Dim& dim : dims) values.push_back(dim.evaluate(bindings));
  return values;
}

std::int64_t storage_bytes(const Plan& plan, const Plan::Tensor& tensor,
                           const std::vector<std::int64_t>& slot_bytes, const Bindings& bindings) {
  if (tensor.storage == Plan::Storage::slot) return slot_bytes.at(tensor.index);
  if (tensor.storage == Plan::Storage::prepared) return plan.prepared.at(tensor.index).bytes;
  return size_bytes(plan.graph.node(tensor.index).outputs[0]).evaluate(bindings);
}

void check_within(const Plan::Tensor& tensor, std::int64_t bytes, const Bindings& bindings) {
  const Extents extents = evaluate(tensor.type.shape, bindings);
  if (element_count(extents) == 0) return;
  std::int64_t low = tensor.offset.evaluate(bindings);
  std::int64_t high = low;
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    const std::int64_t reach = (extents[axis] - 1) * tensor.strides[axis].evaluate(bindings);
    (reach < 0 ? low : high) += reach;
  }
  const auto size = static_cast<std::int64_t>(size_bytes(tensor.type.dtype));
  check(low >= 0 && (high + 1) * size <= bytes, "a tensor lies in its storage");
}

// Whether kernels take their operands. Layers repeat, so what was asked before is not asked again.
class KernelCheck {
 public:
  KernelCheck(const Plan& plan, std::span<const Kernel> kernels, const Bindings& bindings)
      : plan_(plan), finder_(kernels), bindings_(bindings) {}

  void check(const Plan::Instruction& instruction) {
    const Kernel& kernel = finder_.find(instruction.op, instruction.kernel);
    check_devices(kernel, instruction);
    std::vector<const Plan::Instruction*>& passed = passed_[&kernel];
    const bool is_known = std::ranges::any_of(passed, [&](const Plan::Instruction* other) {
      return are_alike(instruction.inputs, other->inputs) &&
             are_alike(instruction.outputs, other->outputs) &&
             instruction.attributes == other->attributes;
    });
    if (is_known) return;
    const Workload workload = workload_of(plan_, instruction, bindings_);
    if (const auto reason = refusal(kernel.info, workload)) {
      throw unsupported("kernel {} {}: {}", kernel.info.name, *reason, workload.to_text());
    }
    passed.push_back(&instruction);
  }

 private:
  // Operands and workspace lie where the kernel runs; what crosses has one of them on the CPU.
  void check_devices(const Kernel& kernel, const Plan::Instruction& instruction) const {
    const Device& device = instruction.device;
    paceline::check(kernel.info.device == device.kind, "a kernel runs on its kind of device");
    const auto lie_on = [&](const std::vector<std::int32_t>& tensors, const Device& wanted) {
      return std::ranges::all_of(tensors, [&](std::int32_t tensor) {
        return plan_.device_of(plan_.tensors[tensor]) == wanted;
      });
    };
    using enum Kernel::Crossing;
    paceline::check(lie_on(instruction.inputs, kernel.crossing == to_device ? Device{} : device) &&
                        lie_on(instruction.outputs, kernel.crossing == to_host ? Device{} : device),
                    "operands lie on their instruction's device");
  }

  bool are_alike(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) const {
    return std::ranges::equal(a, b, [&](std::int32_t x, std::int32_t y) {
      const Plan::Tensor& left = plan_.tensors[x];
      const Plan::Tensor& right = plan_.tensors[y];
      return x == y || (left.type == right.type && left.strides == right.strides);
    });
  }

  const Plan& plan_;
  KernelFinder finder_;
  const Bindings& bindings_;
  std::map<const Kernel*, std::vector<const Plan::Instruction*>> passed_;
};

class PrologueValidator {
 public:
  PrologueValidator(const Plan& plan, std::span<const Kernel> kernels)
      : plan_(plan), check_(plan, kernels, no_bindings_), written_(plan.prepared.size()) {}

  void run() {
    for (const Plan::Instruction& instruction : plan_.prologue) {
      check_workspace(instruction);
      check(symbols_of(instruction.attributes).empty(), no_symbols);
      for (const std::int32_t input : instruction.inputs) check_input(plan_.tensors[input]);
      for (const std::int32_t output : instruction.outputs) write(plan_.tensors[output]);
      if (instruction.workspace >= 0) write(instruction.workspace);
      check_.check(instruction);
    }
  }

 private:
  void check_workspace(const Plan::Instruction& instruction) const {
    check(instruction.workspace < 0 ||
              plan_.prepared[instruction.workspace].device == instruction.device,
          "a workspace lies on its instruction's device");
  }

  static constexpr const char* no_symbols = "the prologue knows no symbols";

  void check_fixed(const Plan::Tensor& tensor) const {
    check(is_constant(tensor.type.shape) && is_constant(tensor.strides) &&
              tensor.offset.is_constant(),
          no_symbols);
    if (tensor.storage != Plan::Storage::prepared) {
      check(is_constant(plan_.graph.node(tensor.index).outputs[0].shape), no_symbols);
    }
    check_within(tensor, storage_bytes(plan_, tensor, {}, {}), {});
  }

  void check_input(const Plan::Tensor& tensor) const {
    const bool is_prepared = tensor.storage == Plan::Storage::prepared;
    check(is_prepared || tensor.storage == Plan::Storage::weight ||
              tensor.storage == Plan::Storage::constant,
          "the prologue reads weights, constants and what it prepared");
    check(!is_prepared || written_[tensor.index], "what is prepared is written before it is read");
    check_fixed(tensor);
  }

  void write(const Plan::Tensor& tensor) {
    check(tensor.storage == Plan::Storage::prepared, "the prologue writes what is prepared");
    check_fixed(tensor);
    write(tensor.index);
  }

  void write(std::int32_t prepared) {
    check(!written_[prepared], "what is prepared is written once");
    written_[prepared] = true;
  }

  const Plan& plan_;
  const Bindings no_bindings_;
  KernelCheck check_;
  std::vector<bool> written_;
};

class PlanValidator {
 public:
  PlanValidator(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
                const Bindings& bindings)
      : plan_(plan), ops_(ops), check_(plan, kernels, bindings), bindings_(bindings) {}

  void run() {
    bytes_ = slot_bytes(plan_, bindings_);
    for (const Plan::Tensor& tensor : plan_.tensors) {
      check_within(tensor, storage_bytes(plan_, tensor, bytes_, bindings_), bindings_);
    }
    check_lives();
    written_.resize(plan_.slots.size());
    find_prepared();
    for (const Plan::Instruction& instruction : plan_.instructions) check_instruction(instruction);
    for (const Plan::Output& output : plan_.outputs) {
      check_written(output.tensor, output.name);
      check(plan_.device_of(plan_.tensors[output.tensor]) == Device{}, "outputs end on the CPU");
    }
    check_accelerator();
  }

 private:
  void find_prepared() {
    prepared_.resize(plan_.prepared.size());
    for (const Plan::Instruction& instruction : plan_.prologue) {
      for (const std::int32_t tensor : instruction.outputs) {
        prepared_[plan_.tensors[tensor].index] = true;
      }
    }
  }

  void check_accelerator() const {
    const std::optional<Device> one = plan_.accelerator();
    const auto fits = [&](const auto& piece) {
      return piece.device == Device{} || piece.device == one;
    };
    check(std::ranges::all_of(plan_.slots, fits) && std::ranges::all_of(plan_.prepared, fits) &&
              std::ranges::all_of(plan_.states, fits) &&
              std::ranges::all_of(plan_.instructions, fits) &&
              std::ranges::all_of(plan_.prologue, fits),
          "a plan uses one device besides the CPU");
  }

  void check_lives() const {
    const std::vector<Block> lives = lives_of(plan_, bytes_);
    const std::vector<std::int64_t> offsets = lay_out(plan_.slots, bytes_).offsets;
    const std::vector<std::vector<std::size_t>> conflicts = conflicts_of(lives);
    for (std::size_t a = 0; a < lives.size(); ++a) {
      for (const std::size_t b : conflicts[a]) {
        if (b < a || plan_.slots[a].device != plan_.slots[b].device) continue;
        const bool apart =
            offsets[a] + lives[a].bytes <= offsets[b] || offsets[b] + lives[b].bytes <= offsets[a];
        check(apart, "slots that live at the same time lie apart");
      }
    }
  }

  void check_written(std::int32_t tensor, std::string_view reader) const {
    const Plan::Tensor& read = plan_.tensors[tensor];
    const bool in_slot = read.storage == Plan::Storage::slot;
    if (in_slot ? written_[read.index] : read.storage != Plan::Storage::prepared) return;
    if (!in_slot && prepared_[read.index]) return;
    throw Error(ErrorKind::internal, fmt::format("{} reads a {} before it is written", reader,
                                                 in_slot ? "slot" : "prepared buffer"));
  }

  void check_instruction(const Plan::Instruction& instruction) {
    check_.check(instruction);
    check(instruction.workspace < 0 ||
              plan_.slots[instruction.workspace].device == instruction.device,
          "a workspace lies on its instruction's device");
    check(instruction.bundle < 0 || instruction.device == Device{}, "bundles run on the CPU");
    for (const std::int32_t input : instruction.inputs) check_written(input, instruction.op);
    for (std::size_t i = 0; i < instruction.outputs.size(); ++i) check_output(instruction, i);
  }

  void check_output(const Plan::Instruction& instruction, std::size_t output) {
    const Plan::Tensor& written = plan_.tensors[instruction.outputs[output]];
    const bool in_slot = written.storage == Plan::Storage::slot;
    check(in_slot || written.storage == Plan::Storage::state, "an instruction writes what is ours");
    for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
      const Plan::Tensor& read = plan_.tensors[instruction.inputs[i]];
      const bool shares = read.storage == written.storage && read.index == written.index;
      check(!shares || may_share(instruction, output, i), "an operand is overwritten while read");
    }
    if (in_slot) written_[written.index] = true;
  }

  // The same elements in the same places, with the op's consent.
  bool may_share(const Plan::Instruction& instruction, std::size_t output,
                 std::size_t input) const {
    if (instruction.outputs[output] != instruction.inputs[input]) return false;
    const Op& op = ops_.get(instruction.op);
    const std::pair pair(static_cast<int>(output), static_cast<int>(input));
    return std::ranges::count(op.updates, pair) + std::ranges::count(op.in_place, pair) > 0;
  }

  const Plan& plan_;
  const OpSet& ops_;
  KernelCheck check_;
  const Bindings& bindings_;
  std::vector<std::int64_t> bytes_;
  std::vector<bool> written_;   // By slot.
  std::vector<bool> prepared_;  // By prepared buffer.
};

OperandType operand_of(const Plan::Tensor& tensor, const Bindings& bindings) {
  return {.dtype = tensor.type.dtype,
          .extents = evaluate(tensor.type.shape, bindings),
          .strides = evaluate_all(tensor.strides, bindings)};
}

}  // namespace

const Kernel& kernel_of(const Plan::Instruction& instruction, std::span<const Kernel> kernels) {
  return KernelFinder(kernels).find(instruction.op, instruction.kernel);
}

Workload workload_of(const Plan& plan, const Plan::Instruction& instruction,
                     const Bindings& bindings) {
  Workload workload{.op = instruction.op, .attributes = instruction.attributes.bind(bindings)};
  for (const std::int32_t tensor : instruction.inputs) {
    workload.inputs.push_back(operand_of(plan.tensors[tensor], bindings));
  }
  for (const std::int32_t tensor : instruction.outputs) {
    workload.outputs.push_back(operand_of(plan.tensors[tensor], bindings));
  }
  return workload;
}

void validate_prologue(const Plan& plan, std::span<const Kernel> kernels) {
  PrologueValidator(plan, kernels).run();
}

void validate(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
              const Bindings& bindings) {
  validate_prologue(plan, kernels);
  PlanValidator(plan, ops, kernels, bindings).run();
}

}  // namespace paceline
