#include <algorithm>

#include "common/base/error.h"
#include "worker/compile/arena.h"
#include "worker/compile/compile.h"

namespace paceline {

namespace {

std::vector<std::int64_t> evaluate_all(const std::vector<Dim>& dims, const Bindings& bindings) {
  std::vector<std::int64_t> values;
  for (const Dim& dim : dims) values.push_back(dim.evaluate(bindings));
  return values;
}

class PlanValidator {
 public:
  PlanValidator(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
                const Bindings& bindings)
      : plan_(plan), ops_(ops), kernels_(kernels), bindings_(bindings) {}

  void run() {
    bytes_ = slot_bytes(plan_, bindings_);
    for (const Plan::Tensor& tensor : plan_.tensors) check_within(tensor);
    check_lives();
    written_.resize(plan_.slots.size());
    for (const Plan::Instruction& instruction : plan_.instructions) check_instruction(instruction);
    for (const Plan::Output& output : plan_.outputs) check_written(output.tensor, output.name);
  }

 private:
  std::int64_t storage_bytes(const Plan::Tensor& tensor) const {
    if (tensor.storage == Plan::Storage::slot) return bytes_.at(tensor.index);
    return size_bytes(plan_.graph.node(tensor.index).outputs[0]).evaluate(bindings_);
  }

  void check_within(const Plan::Tensor& tensor) const {
    const Extents extents = evaluate(tensor.type.shape, bindings_);
    if (element_count(extents) == 0) return;
    std::int64_t low = tensor.offset.evaluate(bindings_);
    std::int64_t high = low;
    for (std::size_t axis = 0; axis < extents.size(); ++axis) {
      const std::int64_t reach = (extents[axis] - 1) * tensor.strides[axis].evaluate(bindings_);
      (reach < 0 ? low : high) += reach;
    }
    const auto size = static_cast<std::int64_t>(size_bytes(tensor.type.dtype));
    check(low >= 0 && (high + 1) * size <= storage_bytes(tensor), "a tensor lies in its storage");
  }

  void check_lives() const {
    const std::vector<Block> lives = lives_of(plan_, bytes_);
    const std::vector<std::int64_t> offsets = lay_out(plan_.slots, bytes_).offsets;
    for (std::size_t a = 0; a < lives.size(); ++a) {
      for (std::size_t b = a + 1; b < lives.size(); ++b) {
        if (plan_.slots[a].device != plan_.slots[b].device || !lives[a].overlaps(lives[b]))
          continue;
        const bool apart =
            offsets[a] + lives[a].bytes <= offsets[b] || offsets[b] + lives[b].bytes <= offsets[a];
        check(apart, "slots that live at the same time lie apart");
      }
    }
  }

  void check_written(std::int32_t tensor, std::string_view reader) const {
    const Plan::Tensor& read = plan_.tensors[tensor];
    if (read.storage != Plan::Storage::slot || written_[read.index]) return;
    throw Error(ErrorKind::internal, fmt::format("{} reads a slot before it is written", reader));
  }

  void check_instruction(const Plan::Instruction& instruction) {
    const Kernel& kernel = kernel_of(instruction, kernels_);
    const Workload workload = workload_of(plan_, instruction, bindings_);
    if (const auto reason = refusal(kernel.info, workload)) {
      throw unsupported("kernel {} {}: {}", kernel.info.name, *reason, workload.to_text());
    }
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
    if (op.updates_input && output == 0 && input == 0) return true;
    return std::ranges::count(op.in_place,
                              std::pair(static_cast<int>(output), static_cast<int>(input))) > 0;
  }

  const Plan& plan_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  const Bindings& bindings_;
  std::vector<std::int64_t> bytes_;
  std::vector<bool> written_;
};

OperandType operand_of(const Plan::Tensor& tensor, const Bindings& bindings) {
  return {.dtype = tensor.type.dtype,
          .extents = evaluate(tensor.type.shape, bindings),
          .strides = evaluate_all(tensor.strides, bindings)};
}

}  // namespace

const Kernel& kernel_of(const Plan::Instruction& instruction, std::span<const Kernel> kernels) {
  for (const Kernel& kernel : kernels) {
    if (kernel.info.name == instruction.kernel && kernel.info.op == instruction.op) return kernel;
  }
  throw unsupported("this program has no kernel \"{}\" for {}", instruction.kernel, instruction.op);
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

void validate(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
              const Bindings& bindings) {
  PlanValidator(plan, ops, kernels, bindings).run();
}

}  // namespace paceline
