#include "worker/compile/compile.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "common/base/log.h"
#include "worker/compile/arena.h"
#include "worker/compile/draft.h"
#include "worker/compile/prologue.h"

namespace paceline {

namespace {

// Of blocks by slot or prepared buffer.
template <typename Piece>
std::vector<Block> only_on(const Device& device, const std::vector<Piece>& pieces,
                           std::vector<Block> blocks) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (pieces[i].device != device) blocks[i].bytes = 0;
  }
  return blocks;
}

// Turns a draft's buffers and places into a plan's slots and tensors. Until `pack_slots`, the slots
// stand in the order in which the draft made them, above nothing.
class Assembly {
 public:
  Assembly(Draft draft, const Graph& graph) : draft_(std::move(draft)) { plan_.graph = graph; }

  Plan run(const Bindings& sample) {
    tensors_.resize(draft_.buffers.size());
    for (const Draft::Buffer& buffer : draft_.buffers) add_memory(buffer);
    for (Draft::Step& step : draft_.prologue) plan_.prologue.push_back(instruction(step));
    for (Draft::Step& step : draft_.steps) plan_.instructions.push_back(instruction(step));
    for (const Draft::Output& output : draft_.outputs) {
      plan_.outputs.push_back({output.name, tensor(output.place)});
    }
    order_prologue(plan_);
    pack_slots(sample);
    return std::move(plan_);
  }

 private:
  void add_memory(const Draft::Buffer& buffer) {
    if (buffer.storage == Plan::Storage::slot) {
      indices_.push_back(static_cast<std::int32_t>(plan_.slots.size()));
      plan_.slots.push_back({buffer.device, buffer.bytes, {}});
    } else if (buffer.storage == Plan::Storage::prepared) {
      indices_.push_back(static_cast<std::int32_t>(plan_.prepared.size()));
      plan_.prepared.push_back({buffer.device, buffer.bytes.constant().value()});
    } else {
      indices_.push_back(buffer.node);
      if (buffer.device != Device{}) plan_.states.push_back({buffer.node, buffer.device});
    }
  }

  std::int32_t tensor(const Place& place) {
    const auto& [shape, strides, offset] = place.strided;
    std::vector<std::int32_t>& known = tensors_[place.buffer];
    for (const std::int32_t index : known) {
      const Plan::Tensor& tensor = plan_.tensors[index];
      if (tensor.type.dtype == place.dtype && tensor.type.shape == shape &&
          tensor.strides == strides && tensor.offset == offset) {
        return index;
      }
    }
    known.push_back(static_cast<std::int32_t>(plan_.tensors.size()));
    plan_.tensors.push_back({draft_.buffers[place.buffer].storage,
                             indices_[place.buffer],
                             {place.dtype, shape},
                             strides,
                             offset});
    return known.back();
  }

  Plan::Instruction instruction(Draft::Step& step) {
    Plan::Instruction instruction = std::move(step.instruction);
    for (const Place& place : step.operands.inputs) instruction.inputs.push_back(tensor(place));
    for (const Place& place : step.operands.outputs) instruction.outputs.push_back(tensor(place));
    if (step.operands.workspace >= 0) instruction.workspace = indices_[step.operands.workspace];
    return instruction;
  }

  // Workspaces of constant size are nothing beside a long input and most of the arena beside a
  // short one: where the packing for `sample` is loose at 1, sums of both sizes are packed instead.
  void pack_slots(const Bindings& sample) {
    constexpr double tight = 1.03;
    Bindings least = sample;
    for (auto& [symbol, value] : least) value = 1;
    pack_for(slot_bytes(plan_, sample));
    const double at_sample = looseness(sample), at_least = looseness(least);
    if (least == sample || at_least <= tight) return;
    Packed packed{plan_.slots, plan_.tensors, plan_.instructions};
    pack_for(mixed(slot_bytes(plan_, sample), slot_bytes(plan_, least)));
    if (looseness(sample) <= std::max(tight, at_sample) && looseness(least) < at_least) return;
    plan_.slots = std::move(packed.slots);
    plan_.tensors = std::move(packed.tensors);
    plan_.instructions = std::move(packed.instructions);
  }

  // The second with four times the weight of the first.
  std::vector<std::int64_t> mixed(const std::vector<std::int64_t>& a,
                                  const std::vector<std::int64_t>& b) const {
    const auto peak = [&](const std::vector<std::int64_t>& bytes) {
      return static_cast<double>(largest_live_bytes(lives_of(plan_, bytes)));
    };
    const double scale = 4 * peak(a) / std::max(peak(b), 1.0);
    std::vector<std::int64_t> bytes;
    for (std::size_t i = 0; i < a.size(); ++i) {
      bytes.push_back(a[i] + static_cast<std::int64_t>(scale * static_cast<double>(b[i])));
    }
    return bytes;
  }

  // What packing changes in a plan.
  struct Packed {
    std::vector<Plan::Slot> slots;
    std::vector<Plan::Tensor> tensors;
    std::vector<Plan::Instruction> instructions;
  };

  // The arena over the least that it could be. 1 where some extent is below 0: nothing runs so.
  double looseness(const Bindings& bindings) const {
    const std::vector<std::int64_t> bytes = slot_bytes(plan_, bindings);
    if (std::any_of(bytes.begin(), bytes.end(), [](std::int64_t size) { return size < 0; })) {
      return 1;
    }
    std::int64_t arena = 0, live = 0;
    for (const auto& [device, size] : lay_out(plan_.slots, bytes).arena_bytes) {
      arena += size;
      live += largest_live_bytes(on_device(device, lives_of(plan_, bytes)));
    }
    return live == 0 ? 1 : static_cast<double>(arena) / static_cast<double>(live);
  }

  void pack_for(const std::vector<std::int64_t>& bytes) {
    for (Plan::Slot& slot : plan_.slots) slot.above.clear();
    const std::vector<Block> lives = lives_of(plan_, bytes);
    const std::vector<std::int64_t> offsets = places(lives);
    std::vector<std::int32_t> order(plan_.slots.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t a, std::int32_t b) { return offsets[a] < offsets[b]; });
    rename_slots(order);
    std::vector<Block> sorted;
    for (const std::int32_t slot : order) sorted.push_back(lives[slot]);
    stack_slots(sorted);
  }

  std::vector<Block> on_device(const Device& device, std::vector<Block> lives) const {
    return only_on(device, plan_.slots, std::move(lives));
  }

  // Each device's arena on its own.
  std::vector<std::int64_t> places(const std::vector<Block>& lives) const {
    std::map<Device, std::vector<std::size_t>> by_device;
    for (std::size_t i = 0; i < lives.size(); ++i) by_device[plan_.slots[i].device].push_back(i);
    std::vector<std::int64_t> offsets(lives.size());
    for (const auto& [device, slots] : by_device) {
      std::vector<Block> blocks;
      for (const std::size_t slot : slots) blocks.push_back(lives[slot]);
      // What is empty under the sample may not be under other bindings: it needs a place too.
      for (Block& block : blocks) block.bytes = std::max(block.bytes, slot_alignment);
      const std::vector<std::int64_t> placed = pack(blocks);
      for (std::size_t i = 0; i < slots.size(); ++i) offsets[slots[i]] = placed[i];
    }
    return offsets;
  }

  void rename_slots(const std::vector<std::int32_t>& order) {
    std::vector<std::int32_t> names(order.size());
    std::vector<Plan::Slot> slots;
    for (const std::int32_t slot : order) {
      names[slot] = static_cast<std::int32_t>(slots.size());
      slots.push_back(std::move(plan_.slots[slot]));
    }
    plan_.slots = std::move(slots);
    for (Plan::Tensor& tensor : plan_.tensors) {
      if (tensor.storage == Plan::Storage::slot) tensor.index = names[tensor.index];
    }
    for (Plan::Instruction& instruction : plan_.instructions) {
      if (instruction.workspace >= 0) instruction.workspace = names[instruction.workspace];
    }
  }

  // A slot lies above every lower one that lives at the same time. Of these only the direct ones
  // are kept: what is below one of them is below already.
  void stack_slots(const std::vector<Block>& lives) {
    std::vector<std::vector<std::size_t>> conflicts = conflicts_of(lives);
    for (std::size_t slot = 0; slot < lives.size(); ++slot) {
      std::vector<std::int32_t>& above = plan_.slots[slot].above;
      std::sort(conflicts[slot].begin(), conflicts[slot].end(), std::greater<>());
      for (const std::size_t below : conflicts[slot]) {
        if (below > slot || plan_.slots[slot].device != plan_.slots[below].device) continue;
        // Those in `above` are on this device.
        const bool implied = std::any_of(above.begin(), above.end(), [&](std::int32_t between) {
          return lives[below].overlaps(lives[between]);
        });
        if (!implied) above.push_back(static_cast<std::int32_t>(below));
      }
      std::reverse(above.begin(), above.end());
    }
  }

  Draft draft_;
  Plan plan_;
  std::vector<std::int32_t> indices_;  // By buffer: of its slot, prepared memory or node.
  std::vector<std::vector<std::int32_t>> tensors_;  // By buffer: views of it, few.
};

void add_prologue(const Plan& plan, const Device& device, MemoryNeed& need) {
  const std::vector<Block> lives = only_on(device, plan.prepared, prepared_lives(plan));
  need.prologue_bytes = largest_live_bytes(lives);
  for (const Block& life : lives) {
    if (life.last == static_cast<std::int32_t>(plan.prologue.size())) {
      need.prepared_bytes += life.bytes;
    }
  }
}

}  // namespace

Plan compile(const Path& path, const OpSet& ops, std::span<const Kernel> kernels,
             const Bindings& sample, const Resources& resources, const CompileOptions& options) {
  validate(path.graph, ops);
  Plan plan =
      Assembly(lower(path, ops, kernels, sample, resources, options.has_prologue), path.graph)
          .run(sample);
  validate(plan, ops, kernels, sample);
  log::debug("compiled", {{"graph", path.graph.name()},
                          {"instructions", plan.instructions.size()},
                          {"prologue", plan.prologue.size()},
                          {"slots", plan.slots.size()}});
  return plan;
}

MemoryNeed memory_need(const Plan& plan, const Bindings& bindings) {
  return memory_needs(plan, bindings)[Device{}];
}

std::map<Device, MemoryNeed> memory_needs(const Plan& plan, const Bindings& bindings) {
  std::map<Device, MemoryNeed> needs = {{Device{}, {}}};
  if (const auto accelerator = plan.accelerator()) needs[*accelerator] = {};
  const std::vector<std::int64_t> bytes = slot_bytes(plan, bindings);
  const std::vector<Block> lives = lives_of(plan, bytes);
  std::map<Device, std::int64_t> arenas = lay_out(plan.slots, bytes).arena_bytes;
  for (auto& [device, need] : needs) {
    need.arena_bytes = arenas[device];
    need.largest_live_bytes = largest_live_bytes(only_on(device, plan.slots, lives));
    add_prologue(plan, device, need);
  }
  for (const std::int32_t weight : weights_of_runs(plan)) {
    needs[Device{}].weight_bytes +=
        size_bytes(plan.graph.node(weight).outputs[0]).evaluate(bindings);
  }
  for (std::int32_t i = 0; i < std::ssize(plan.graph.nodes()); ++i) {
    const Node& node = plan.graph.node(i);
    if (node.kind != NodeKind::state) continue;
    needs[plan.state_device(i)].state_bytes += size_bytes(node.outputs[0]).evaluate(bindings);
  }
  return needs;
}

}  // namespace paceline
