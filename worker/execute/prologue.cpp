#include "worker/execute/prologue.h"

#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "worker/compile/arena.h"
#include "worker/compile/compile.h"
#include "worker/compile/prologue.h"
#include "worker/execute/pages.h"
#include "worker/execute/prepared_names.h"
#include "worker/execute/prologue_queue.h"
#include "worker/execute/read_ahead.h"

namespace paceline {

namespace {

class Prologue {
 public:
  Prologue(const Plan& plan, Sources& sources, const PrologueSetting& setting)
      : plan_(plan),
        sources_(sources),
        setting_(setting),
        lives_(prepared_lives(plan)),
        memory_(plan.prepared.size()),
        is_wanted_(plan.prologue.size()),
        weights_of_runs_(weights_of_runs(plan)) {}

  PreparedBuffers run() {
    find_readers();
    if (setting_.shared) take_shared();
    if (setting_.cache) take_cached();
    find_wanted();
    check_memory();
    const FileMappings mappings;
    ReadAhead read_ahead(weights_to_read());
    for (std::int32_t at = 0; at < end(); ++at) {
      if (is_wanted_[at]) run(at);
      free_after(at, mappings);
      read_ahead.reached(weights_read_by_[at]);
    }
    if (queue_) queue_->finish();
    if (setting_.shared) give_shared();
    if (setting_.cache) give_cached();
    return {std::move(memory_), account_};
  }

 private:
  std::int32_t end() const { return static_cast<std::int32_t>(plan_.prologue.size()); }
  bool is_resident(std::size_t buffer) const { return lives_[buffer].last == end(); }

  void find_readers() {
    for (std::int32_t at = 0; at < end(); ++at) {
      for (const std::int32_t input : plan_.prologue[at].inputs) {
        const Plan::Tensor& tensor = plan_.tensors[input];
        if (tensor.storage != Plan::Storage::weight) continue;
        sources_.check_weight(tensor.index, {});
        last_readers_[tensor.index] = at;
      }
    }
  }

  void take_shared() {
    names_ = names_among_sessions(plan_);
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (!is_resident(i)) continue;
      memory_[i] = setting_.shared->find(names_[i]);
      if (memory_[i]) account_.shared.add(memory_[i]->size());
    }
  }

  void give_shared() {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (is_resident(i)) setting_.shared->keep(names_[i], memory_[i]);
    }
  }

  // Smaller ones are computed as quickly as they are found.
  static constexpr std::int64_t cached_bytes_min = 64 * 1024;

  void take_cached() {
    const auto names = names_among_programs(plan_, sources_, setting_.kernels);
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (!is_resident(i) || memory_[i] || bytes_of(i) < cached_bytes_min || !names[i]) continue;
      if (plan_.prepared[i].device != Device{}) continue;
      lacking_.emplace_back(i, *names[i]);
    }
    std::vector<PackedCache::Wanted> wanted;
    for (const auto& [buffer, what] : lacking_) wanted.push_back({what, bytes_of(buffer)});
    const auto found = setting_.cache->find(wanted, setting_.resources.threads);
    for (std::size_t i = 0; i < found.size(); ++i) memory_[lacking_[i].first] = found[i];
    std::erase_if(lacking_, [&](const auto& lacking) {
      const PreparedTensors::Bytes& found = memory_[lacking.first];
      if (found) account_.cached.add(found->size());
      return found != nullptr;
    });
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

  // In the order of the instructions that run.
  std::vector<std::span<const std::byte>> weights_to_read() {
    std::vector<std::span<const std::byte>> weights;
    for (std::int32_t at = 0; at < end(); ++at) {
      for (const std::int32_t input : plan_.prologue[at].inputs) {
        const Plan::Tensor& tensor = plan_.tensors[input];
        if (!is_wanted_[at] || tensor.storage != Plan::Storage::weight) continue;
        weights.push_back(sources_.bytes(tensor.index));
      }
      weights_read_by_.push_back(weights.size());
    }
    return weights;
  }

  void check_memory() const {
    for (const auto& [device, bytes_max] : setting_.memory_bytes_max) {
      check_memory(device, bytes_max);
    }
  }

  void check_memory(const Device& device, std::int64_t bytes_max) const {
    std::vector<Block> needed;
    for (std::int32_t at = 0; at < end(); ++at) {
      if (!is_wanted_[at]) continue;
      const Plan::Instruction& instruction = plan_.prologue[at];
      const auto add = [&](std::int32_t buffer) {
        if (plan_.prepared[buffer].device == device) needed.push_back(lives_[buffer]);
      };
      for (const std::int32_t tensor : instruction.outputs) add(plan_.tensors[tensor].index);
      if (instruction.workspace >= 0) add(instruction.workspace);
    }
    const std::int64_t bytes = largest_live_bytes(needed);
    if (bytes <= bytes_max) return;
    if (device != Device{}) {
      throw exhausted(
          "the weights need {} bytes on {} and may use {} (it has {} in all): run them "
          "on the CPU",
          bytes, device.to_string(), bytes_max, setting_.runtime->memory(device.index).total_bytes);
    }
    throw exhausted(
        "preparing the weights needs {} bytes and may use {}: allow more memory, or compile "
        "without a prologue",
        bytes, bytes_max);
  }

  void allocate(std::int32_t buffer) {
    const auto& [device, size] = plan_.prepared[buffer];
    auto bytes = std::make_shared<const AlignedBytes>(allocate_on(device, size, setting_.runtime));
    if (device == Device{}) {
      prefer_large_pages({bytes->data(), static_cast<std::size_t>(bytes->size())});
    }
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

  // Made when it is first needed. What it still does is over when it returns for the CPU.
  PrologueQueue* queue_for(const Device& device) {
    const bool is_host = device == Device{};
    if (is_host && queue_) queue_->finish();
    if (!is_host && !queue_) queue_.emplace(plan_, *setting_.runtime, device);
    return is_host ? nullptr : &*queue_;
  }

  void run(std::int32_t at) {
    const Plan::Instruction& instruction = plan_.prologue[at];
    PrologueQueue* const queue = queue_for(instruction.device);
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
    if (queue) {
      queue->run(at, kernel, call, setting_.resources);
    } else {
      if (kernel.prepare) state = kernel.prepare(instruction.attributes, setting_.resources);
      call.prepared = state.get();
      if (kernel.bind) kernel.bind(call);
      setting_.threads.execute([&] { kernel.run(call); });
    }
    for (const std::int32_t tensor : instruction.outputs) {
      const auto buffer = static_cast<std::size_t>(plan_.tensors[tensor].index);
      if (is_resident(buffer)) account_.computed.add(bytes_of(buffer));
    }
  }

  void free_after(std::int32_t at, const FileMappings& mappings) {
    const Plan::Instruction& instruction = plan_.prologue[at];
    const auto free = [&](std::int32_t buffer) {
      if (lives_[buffer].last != at) return;
      if (queue_ && memory_[buffer]) queue_->finish();
      memory_[buffer] = nullptr;
    };
    for (const std::int32_t index : instruction.inputs) {
      const Plan::Tensor& tensor = plan_.tensors[index];
      if (tensor.storage == Plan::Storage::prepared) free(tensor.index);
      if (tensor.storage == Plan::Storage::weight) release_after(at, tensor.index, mappings);
    }
    for (const std::int32_t tensor : instruction.outputs) free(plan_.tensors[tensor].index);
    if (instruction.workspace >= 0) free(instruction.workspace);
  }

  // Runs that read the weight too seldom read all of it, as an embedding that is also the last
  // matrix of a model: its pages come back one by one.
  void release_after(std::int32_t at, std::int32_t weight, const FileMappings& mappings) {
    const auto last = last_readers_.find(weight);
    if (last == last_readers_.end() || last->second != at) return;
    last_readers_.erase(last);
    weights_of_runs_.contains(weight) ? sources_.rest(weight, mappings)
                                      : sources_.drop(weight, mappings);
  }

  std::int64_t bytes_of(std::size_t buffer) const { return plan_.prepared[buffer].bytes; }

  const Plan& plan_;
  Sources& sources_;
  const PrologueSetting& setting_;
  const std::vector<Block> lives_;                     // By prepared buffer.
  std::vector<PreparedTensors::Bytes> memory_;         // By prepared buffer.
  std::vector<bool> is_wanted_;                        // By instruction.
  const std::set<std::int32_t> weights_of_runs_;       // Nodes.
  std::map<std::int32_t, std::int32_t> last_readers_;  // Of weights, by node.
  std::vector<std::size_t> weights_read_by_;           // By instruction: those to read until then.
  std::vector<Digest> names_;                          // Among sessions, by prepared buffer.
  std::vector<std::pair<std::size_t, Digest>> lacking_;  // In the cache: buffers and their names.
  PreparedAccount account_;
  std::optional<PrologueQueue> queue_;
};

}  // namespace

PreparedBuffers run_prologue(const Plan& plan, Sources& sources, const PrologueSetting& setting) {
  validate_prologue(plan, setting.kernels);
  return Prologue(plan, sources, setting).run();
}

}  // namespace paceline
