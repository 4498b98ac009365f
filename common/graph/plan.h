#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/id.h"
#include "common/graph/device.h"
#include "common/graph/graph.h"
#include "common/graph/shape.h"

namespace paceline {

// A compiled path: flat instructions over tensors, and where in a device's arena each lies, all as
// functions of symbols, so that binding another N re-plans nothing. Immutable; any thread.
struct Plan {
  // A piece of an arena. It lies above every slot of `above` (an earlier index), at the highest of
  // their ends, or at 0: so slots that live at the same time never overlap, for any binding.
  struct Slot {
    Device device;
    Dim bytes;
    std::vector<std::int32_t> above;
  };

  enum class Storage { input, weight, constant, state, slot };
  // One operand: where it is stored, and the view of it.
  struct Tensor {
    Storage storage = Storage::slot;
    std::int32_t index = -1;  // Of Plan::slots, or of the graph's node (input, weight, ...).
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
    std::vector<std::int32_t> inputs;   // Of Plan::tensors.
    std::vector<std::int32_t> outputs;
    std::int32_t workspace = -1;        // Of Plan::slots.
  };

  struct Output {
    std::string name;
    std::int32_t tensor = -1;
  };

  Graph graph;
  std::vector<Slot> slots;
  std::vector<Tensor> tensors;
  std::vector<Instruction> instructions;
  std::vector<Output> outputs;

  PlanId id() const;
};

// What a plan needs before anything runs.
struct MemoryNeed {
  std::int64_t arena_bytes = 0;
  std::int64_t largest_live_bytes = 0;  // No arena can be smaller.
  std::int64_t weight_bytes = 0;
  std::int64_t state_bytes = 0;
};

std::string to_text(const Plan& plan);
Plan parse_plan(std::string_view text, const OpSet& ops);  // Throws `invalid`.

}  // namespace paceline
