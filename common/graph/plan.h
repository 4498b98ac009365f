#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/id.h"
#include "common/graph/device.h"
#include "common/graph/graph.h"
#include "common/graph/shape.h"

namespace paceline {

// A compiled path: flat instructions over tensors, and where in a device's arena each lies, all as
// functions of symbols, so that binding another N re-plans nothing. What depends on weights and
// constants alone is computed once, by the prologue, when they are bound. Immutable; any thread.
struct Plan {
  // A piece of an arena. It lies above every slot of `above` (an earlier index), at the highest of
  // their ends, or at 0: so slots that live at the same time never overlap, for any binding.
  struct Slot {
    Device device;
    Dim bytes;
    std::vector<std::int32_t> above;
  };

  // Memory of its own that one instruction of the prologue fills. What the instructions or outputs
  // read of it stays resident, like a weight; the rest is freed once the prologue is done with it.
  struct Prepared {
    Device device;
    std::int64_t bytes = 0;
  };

  // A state that does not lie on the CPU.
  struct StatePlace {
    std::int32_t node = -1;
    Device device;
  };

  enum class Storage { input, weight, constant, state, slot, prepared };
  // One operand: where it is stored, and the view of it.
  struct Tensor {
    Storage storage = Storage::slot;
    // Of Plan::slots, of Plan::prepared, or of the graph's node (input, weight, ...).
    std::int32_t index = -1;
    TensorType type;
    std::vector<Dim> strides;  // In elements.
    Dim offset = 0;            // In elements.
  };

  struct Instruction {
    std::int32_t node = -1;  // Of the graph, for people.
    std::string op;
    std::string kernel;
    Attributes attributes;
    Device device;
    std::vector<std::int32_t> inputs;  // Of Plan::tensors.
    std::vector<std::int32_t> outputs;
    std::int32_t workspace = -1;  // Of Plan::slots; in the prologue of Plan::prepared.
    // As Choice::bundle: consecutive instructions of one bundle run side by side, each by one
    // thread, but for those that share memory that one of them writes: these in order.
    std::int32_t bundle = -1;
  };

  struct Output {
    std::string name;
    std::int32_t tensor = -1;
  };

  Graph graph;
  std::vector<Slot> slots;
  std::vector<Prepared> prepared;
  std::vector<StatePlace> states;  // By node; those on the CPU are left out.
  std::vector<Tensor> tensors;
  std::vector<Instruction> prologue;
  std::vector<Instruction> instructions;
  std::vector<Output> outputs;

  PlanId id() const;
  // Inputs, weights and constants are on the CPU.
  Device device_of(const Tensor& tensor) const;
  Device state_device(std::int32_t node) const;
  // The one device besides the CPU that it uses, if any.
  std::optional<Device> accelerator() const;
};

// What a plan needs before anything runs.
struct MemoryNeed {
  std::int64_t arena_bytes = 0;
  std::int64_t largest_live_bytes = 0;  // No arena can be smaller.
  std::int64_t weight_bytes = 0;        // Of weights that runs read.
  std::int64_t state_bytes = 0;
  std::int64_t prepared_bytes = 0;  // Resident after the prologue.
  std::int64_t prologue_bytes = 0;  // The most that the prologue holds at once, that included.
};

// Where the value of such a node lies; of an op, when it is not prepared.
Plan::Storage storage_of(NodeKind kind);

std::string to_text(const Plan& plan);
Plan parse_plan(std::string_view text, const OpSet& ops);  // Throws `invalid`.

}  // namespace paceline
