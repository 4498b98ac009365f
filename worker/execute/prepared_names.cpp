#include "worker/execute/prepared_names.h"

#include <map>
#include <utility>

#include "worker/compile/compile.h"
#include "worker/execute/weight_files.h"

namespace paceline {

namespace {

class SessionNames {
 public:
  explicit SessionNames(const Plan& plan) : plan_(plan), buffers_(plan.prepared.size()) {}

  std::vector<Digest> run() {
    for (const Plan::Instruction& instruction : plan_.prologue) add(instruction);
    return std::move(buffers_);
  }

 private:
  void add(const Plan::Instruction& instruction) {
    Hasher hasher("prepared/1");
    hasher.add(instruction.op).add(instruction.kernel).add(instruction.device.to_string());
    instruction.attributes.add_to(hasher);
    hasher.add(instruction.inputs.size());
    for (const std::int32_t input : instruction.inputs) add(hasher, plan_.tensors[input]);
    const Digest whole = hasher.finish();
    for (std::size_t i = 0; i < instruction.outputs.size(); ++i) {
      const Plan::Tensor& output = plan_.tensors[instruction.outputs[i]];
      buffers_[output.index] = Hasher("prepared output/1").add(whole).add(i).finish();
    }
  }

  void add(Hasher& hasher, const Plan::Tensor& tensor) {
    hasher.add(tensor.storage == Plan::Storage::prepared ? buffers_[tensor.index]
                                                         : source(tensor.index));
    hasher.add(tensor.type.to_string()).add(to_string(tensor.strides));
    hasher.add(tensor.offset.to_string());
  }

  const Digest& source(std::int32_t index) {
    const auto [at, is_new] = sources_.try_emplace(index);
    if (!is_new) return at->second;
    const Node& node = plan_.graph.node(index);
    Hasher hasher(node.kind == NodeKind::constant ? "constant/1" : "weight/1");
    hasher.add(node.outputs[0].to_string());
    if (node.kind == NodeKind::constant) {
      const Tensor& elements = node.constant;
      hasher.add_bytes({static_cast<const std::byte*>(elements.data()), elements.size_bytes()});
    } else {
      hasher.add(node.name);
    }
    return at->second = hasher.finish();
  }

  const Plan& plan_;
  std::vector<Digest> buffers_;
  std::map<std::int32_t, Digest> sources_;  // By node.
};

class ProgramNames {
 public:
  ProgramNames(const Plan& plan, const Sources& sources, std::span<const Kernel> kernels)
      : plan_(plan), sources_(sources), kernels_(kernels), buffers_(plan.prepared.size()) {}

  std::vector<std::optional<Digest>> run() {
    for (const Plan::Instruction& instruction : plan_.prologue) add(instruction);
    return std::move(buffers_);
  }

 private:
  // What is read for its name alone.
  static constexpr std::size_t hashed_bytes_max = 1 << 20;

  void add(const Plan::Instruction& instruction) {
    Hasher hasher("packed/1");
    hasher.add(instruction.op).add(kernel_of(instruction, kernels_).info.id().digest);
    instruction.attributes.add_to(hasher);
    hasher.add(instruction.inputs.size());
    for (const std::int32_t input : instruction.inputs) {
      const Plan::Tensor& tensor = plan_.tensors[input];
      const std::optional<Digest> what = source_of(tensor);
      if (!what) return;
      hasher.add(*what).add(tensor.type.to_string()).add(to_string(tensor.strides));
      hasher.add(tensor.offset.to_string());
    }
    const Digest whole = hasher.finish();
    for (std::size_t i = 0; i < instruction.outputs.size(); ++i) {
      const Plan::Tensor& output = plan_.tensors[instruction.outputs[i]];
      buffers_[output.index] = Hasher("packed output/1").add(whole).add(i).finish();
    }
  }

  std::optional<Digest> source_of(const Plan::Tensor& tensor) const {
    if (tensor.storage == Plan::Storage::prepared) return buffers_[tensor.index];
    const std::span<const std::byte> bytes = sources_.bytes(tensor.index);
    if (const std::optional<Digest> name = files_.identity(bytes)) return name;
    if (bytes.size() > hashed_bytes_max) return std::nullopt;
    return Hasher("elements/1").add_bytes(bytes).finish();
  }

  const Plan& plan_;
  const Sources& sources_;
  const std::span<const Kernel> kernels_;
  const WeightFiles files_;
  std::vector<std::optional<Digest>> buffers_;
};

}  // namespace

std::vector<Digest> names_among_sessions(const Plan& plan) { return SessionNames(plan).run(); }

std::vector<std::optional<Digest>> names_among_programs(const Plan& plan, const Sources& sources,
                                                        std::span<const Kernel> kernels) {
  return ProgramNames(plan, sources, kernels).run();
}

}  // namespace paceline
