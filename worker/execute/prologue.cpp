#include "worker/execute/prologue.h"

#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "worker/compile/arena.h"
#include "worker/compile/compile.h"
#include "worker/compile/prologue.h"
#include "worker/execute/pages.h"
#include "worker/execute/weight_files.h"

namespace paceline {

namespace {

// Names each prepared buffer by what its instruction computes from which weights and constants.
class BufferDigests {
 public:
  explicit BufferDigests(const Plan& plan) : plan_(plan), buffers_(plan.prepared.size()) {
    for (const Plan::Instruction& instruction : plan.prologue) add(instruction);
  }

  const Digest& of(std::int32_t buffer) const { return buffers_[buffer]; }

 private:
  void add(const Plan::Instruction& instruction) {
    Hasher hasher("prepared/1");
    hasher.add(instruction.op).add(instruction.kernel);
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

// Names prepared buffers so that another program may rely on it: by kernels as they are compiled
// and by the weights' elements. Buffers that depend on large weights of no file have no name.
class LastingDigests {
 public:
  LastingDigests(const Plan& plan, const Sources& sources, std::span<const Kernel> kernels)
      : plan_(plan), sources_(sources), kernels_(kernels), buffers_(plan.prepared.size()) {
    for (const Plan::Instruction& instruction : plan.prologue) add(instruction);
  }

  const std::optional<Digest>& of(std::size_t buffer) const { return buffers_[buffer]; }

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

class Prologue {
 public:
  Prologue(const Plan& plan, Sources& sources, const PrologueSetting& setting)
      : plan_(plan),
        sources_(sources),
        setting_(setting),
        lives_(prepared_lives(plan)),
        memory_(plan.prepared.size()),
        is_wanted_(plan.prologue.size()) {}

  std::vector<PreparedTensors::Bytes> run() {
    find_passing_weights();
    if (setting_.shared) take_shared();
    if (setting_.cache) take_cached();
    find_wanted();
    check_memory();
    const FileMappings mappings;
    for (std::int32_t at = 0; at < end(); ++at) {
      if (is_wanted_[at]) run(plan_.prologue[at]);
      free_after(at, mappings);
    }
    if (setting_.shared) give_shared();
    if (setting_.cache) give_cached();
    return std::move(memory_);
  }

 private:
  std::int32_t end() const { return static_cast<std::int32_t>(plan_.prologue.size()); }
  bool is_resident(std::size_t buffer) const { return lives_[buffer].last == end(); }

  // Weights that nothing needs once the prologue is done: by node, its last reader.
  void find_passing_weights() {
    const std::set<std::int32_t> kept = weights_of_runs(plan_);
    for (std::int32_t at = 0; at < end(); ++at) {
      for (const std::int32_t input : plan_.prologue[at].inputs) {
        const Plan::Tensor& tensor = plan_.tensors[input];
        if (tensor.storage != Plan::Storage::weight) continue;
        sources_.check_weight(tensor.index, {});
        if (!kept.contains(tensor.index)) passing_weights_[tensor.index] = at;
      }
    }
  }

  void take_shared() {
    digests_.emplace(plan_);
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (is_resident(i)) memory_[i] = setting_.shared->find(digests_->of(i));
    }
  }

  void give_shared() {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (is_resident(i)) setting_.shared->keep(digests_->of(i), memory_[i]);
    }
  }

  // Smaller ones are computed as quickly as they are found.
  static constexpr std::int64_t cached_bytes_min = 64 * 1024;

  void take_cached() {
    const LastingDigests names(plan_, sources_, setting_.kernels);
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      const std::int64_t bytes = plan_.prepared[i].bytes;
      if (!is_resident(i) || memory_[i] || bytes < cached_bytes_min || !names.of(i)) continue;
      memory_[i] = setting_.cache->find(*names.of(i), bytes);
      if (!memory_[i]) lacking_.emplace_back(i, *names.of(i));
    }
  }

  void give_cached() {
    std::vector<PackedCache::Entry> entries;
    for (const auto& [buffer, what] : lacking_) entries.push_back({what, memory_[buffer]});
    if (!entries.empty()) setting_.cache->put(std::move(entries));
  }

  // Backwards from what runs read and nobody holds.
  void find_wanted() {
    std::vector<bool> wanted(memory_.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = is_resident(i) && !memory_[i];
    for (std::int32_t at = end(); at-- > 0;) {
      const Plan::Instruction& instruction = plan_.prologue[at];
      is_wanted_[at] =
          std::any_of(instruction.outputs.begin(), instruction.outputs.end(),
                      [&](std::int32_t tensor) { return wanted[plan_.tensors[tensor].index]; });
      if (!is_wanted_[at]) continue;
      for (const std::int32_t input : instruction.inputs) {
        const Plan::Tensor& tensor = plan_.tensors[input];
        if (tensor.storage == Plan::Storage::prepared && !memory_[tensor.index]) {
          wanted[tensor.index] = true;
        }
      }
    }
  }

  void check_memory() const {
    std::vector<Block> needed;
    for (std::int32_t at = 0; at < end(); ++at) {
      if (!is_wanted_[at]) continue;
      const Plan::Instruction& instruction = plan_.prologue[at];
      for (const std::int32_t tensor : instruction.outputs) {
        needed.push_back(lives_[plan_.tensors[tensor].index]);
      }
      if (instruction.workspace >= 0) needed.push_back(lives_[instruction.workspace]);
    }
    const std::int64_t bytes = largest_live_bytes(needed);
    if (bytes <= setting_.memory_bytes_max) return;
    throw exhausted(
        "preparing the weights needs {} bytes and may use {}: allow more memory, or compile "
        "without a prologue",
        bytes, setting_.memory_bytes_max);
  }

  void allocate(std::int32_t buffer) {
    auto bytes = std::make_shared<const AlignedBytes>(plan_.prepared[buffer].bytes);
    prefer_large_pages({bytes->data(), static_cast<std::size_t>(bytes->size())});
    memory_[buffer] = std::move(bytes);
  }

  TensorView view(std::int32_t index) const {
    const Plan::Tensor& tensor = plan_.tensors[index];
    std::byte* base = tensor.storage == Plan::Storage::prepared ? memory_[tensor.index]->data()
                                                                : sources_.address(tensor.index);
    TensorView view{.dtype = tensor.type.dtype, .rank = static_cast<int>(tensor.strides.size())};
    for (int axis = 0; axis < view.rank; ++axis) {
      view.extents[axis] = tensor.type.shape[axis].constant().value();
      view.strides[axis] = tensor.strides[axis].constant().value();
    }
    const auto size = static_cast<std::int64_t>(size_bytes(view.dtype));
    if (base) view.data = base + tensor.offset.constant().value() * size;
    return view;
  }

  void run(const Plan::Instruction& instruction) {
    for (const std::int32_t tensor : instruction.outputs) allocate(plan_.tensors[tensor].index);
    if (instruction.workspace >= 0) allocate(instruction.workspace);
    std::vector<TensorView> inputs;
    std::vector<TensorView> outputs;
    for (const std::int32_t tensor : instruction.inputs) inputs.push_back(view(tensor));
    for (const std::int32_t tensor : instruction.outputs) outputs.push_back(view(tensor));
    const Kernel& kernel = kernel_of(instruction, setting_.kernels);
    Call call{.inputs = inputs, .outputs = outputs, .threads = setting_.resources.threads};
    if (instruction.workspace >= 0) call.workspace = memory_[instruction.workspace]->data();
    std::unique_ptr<Prepared> state;
    if (kernel.prepare) state = kernel.prepare(instruction.attributes, setting_.resources);
    call.prepared = state.get();
    if (kernel.bind) kernel.bind(call);
    setting_.threads.execute([&] { kernel.run(call); });
  }

  void free_after(std::int32_t at, const FileMappings& mappings) {
    const Plan::Instruction& instruction = plan_.prologue[at];
    const auto free = [&](std::int32_t buffer) {
      if (lives_[buffer].last == at) memory_[buffer] = nullptr;
    };
    for (const std::int32_t index : instruction.inputs) {
      const Plan::Tensor& tensor = plan_.tensors[index];
      if (tensor.storage == Plan::Storage::prepared) free(tensor.index);
      const auto passing = passing_weights_.find(tensor.index);
      if (passing == passing_weights_.end() || passing->second != at) continue;
      if (tensor.storage != Plan::Storage::weight) continue;
      sources_.drop(tensor.index, mappings);
      passing_weights_.erase(passing);
    }
    for (const std::int32_t tensor : instruction.outputs) free(plan_.tensors[tensor].index);
    if (instruction.workspace >= 0) free(instruction.workspace);
  }

  const Plan& plan_;
  Sources& sources_;
  const PrologueSetting& setting_;
  const std::vector<Block> lives_;              // By prepared buffer.
  std::vector<PreparedTensors::Bytes> memory_;  // By prepared buffer.
  std::vector<bool> is_wanted_;                 // By instruction.
  std::map<std::int32_t, std::int32_t> passing_weights_;
  std::optional<BufferDigests> digests_;
  std::vector<std::pair<std::size_t, Digest>> lacking_;  // In the cache: buffers and their names.
};

}  // namespace

std::vector<PreparedTensors::Bytes> run_prologue(const Plan& plan, Sources& sources,
                                                 const PrologueSetting& setting) {
  validate_prologue(plan, setting.kernels);
  return Prologue(plan, sources, setting).run();
}

}  // namespace paceline
