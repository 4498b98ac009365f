#include <algorithm>

#include "common/base/error.h"
#include "worker/compile/arena.h"
#include "worker/compile/compile.h"
#include "scheduler/passes/statics.h"

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

void check_kernel(const Plan& plan, const Plan::Instruction& instruction,
                  std::span<const Kernel> kernels, const Bindings& bindings) {
  const Kernel& kernel = kernel_of(instruction, kernels);
  const Workload workload = workload_of(plan, instruction, bindings);
  if (const auto reason = refusal(kernel.info, workload)) {
    throw unsupported("kernel {} {}: {}", kernel.info.name, *reason, workload.to_text());
  }
}

class PrologueValidator {
 public:
  PrologueValidator(const Plan& plan, std::span<const Kernel> kernels)
      : plan_(plan), kernels_(kernels), written_(plan.prepared.size()) {}

  void run() {
    for (const Plan::Instruction& instruction : plan_.prologue) {
      check(symbols_of(instruction.attributes).empty(), no_symbols);
      for (const std::int32_t input : instruction.inputs) check_input(plan_.tensors[input]);
      for (const std::int32_t output : instruction.outputs) write(plan_.tensors[output]);
      if (instruction.workspace >= 0) write(instruction.workspace);
      check_kernel(plan_, instruction, kernels_, {});
    }
  }

 private:
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
  std::span<const Kernel> kernels_;
  std::vector<bool> written_;
};

class PlanValidator {
 public:
  PlanValidator(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
                const Bindings& bindings)
      : plan_(plan), ops_(ops), kernels_(kernels), bindings_(bindings) {}

  void run() {
    bytes_ = slot_bytes(plan_, bindings_);
    for (const Plan::Tensor& tensor : plan_.tensors) {
      check_within(tensor, storage_bytes(plan_, tensor, bytes_, bindings_), bindings_);
    }
    check_lives();
    written_.resize(plan_.slots.size());
    find_prepared();
    for (const Plan::Instruction& instruction : plan_.instructions) check_instruction(instruction);
    for (const Plan::Output& output : plan_.outputs) check_written(output.tensor, output.name);
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
    const bool in_slot = read.storage == Plan::Storage::slot;
    if (in_slot ? written_[read.index] : read.storage != Plan::Storage::prepared) return;
    if (!in_slot && prepared_[read.index]) return;
    throw Error(ErrorKind::internal, fmt::format("{} reads a {} before it is written", reader,
                                                 in_slot ? "slot" : "prepared buffer"));
  }

  void check_instruction(const Plan::Instruction& instruction) {
    check_kernel(plan_, instruction, kernels_, bindings_);
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

void validate_prologue(const Plan& plan, std::span<const Kernel> kernels) {
  PrologueValidator(plan, kernels).run();
}

void validate(const Plan& plan, const OpSet& ops, std::span<const Kernel> kernels,
              const Bindings& bindings) {
  validate_prologue(plan, kernels);
  PlanValidator(plan, ops, kernels, bindings).run();
}

}  // namespace paceline
