#include "common/graph/plan.h"

#include <fmt/format.h>

#include "common/graph/text/names.h"
#include "common/graph/text/plans.h"
#include "common/graph/text/writer.h"

namespace paceline {

namespace {

std::string slot_text(const Plan::Slot& slot) {
  return fmt::format("slot {} [{}] above [{}]\n", slot.device.to_string(), slot.bytes.to_string(),
                     fmt::join(slot.above, ","));
}

std::string place_text(const Plan::Tensor& tensor, const ValueNames& names) {
  if (tensor.storage == Plan::Storage::slot) return fmt::format("slot {}", tensor.index);
  if (tensor.storage == Plan::Storage::prepared) return fmt::format("prepared {}", tensor.index);
  return names.of({tensor.index, 0});
}

std::string state_text(const Plan::StatePlace& state, const ValueNames& names) {
  return fmt::format("state {} on {}\n", names.of({state.node, 0}), state.device.to_string());
}

std::string tensor_text(const Plan::Tensor& tensor, const ValueNames& names) {
  std::string text = "tensor ";
  text.append(place_text(tensor, names)).append(": ").append(type_text(tensor.type));
  text.append(" strides ").append(to_string(tensor.strides));
  return text.append(" offset [").append(tensor.offset.to_string()).append("]\n");
}

std::string instruction_text(std::string_view verb, const Plan::Instruction& instruction,
                             const ValueNames& names) {
  std::string text =
      fmt::format("{} {}: {} = {} on {} ([{}]{}) -> [{}]", verb, names.of({instruction.node, 0}),
                  instruction.op, name_text(instruction.kernel), instruction.device.to_string(),
                  fmt::join(instruction.inputs, ","), attributes_text(instruction.attributes),
                  fmt::join(instruction.outputs, ","));
  if (instruction.workspace >= 0) text += fmt::format(" workspace {}", instruction.workspace);
  if (instruction.bundle >= 0) text += fmt::format(" bundle {}", instruction.bundle);
  return text + "\n";
}

Plan::Storage stored_as(NodeKind kind) {
  if (kind == NodeKind::op) throw invalid("a result of an op lies in a slot or is prepared");
  return storage_of(kind);
}

class PlanReader {
 public:
  PlanReader(TextReader& reader, const OpSet& ops) : reader_(reader), ops_(ops) {}

  Plan read() {
    reader_.expect_word("plan");
    reader_.expect("{");
    plan_.graph = read_graph(reader_, ops_, values_);
    while (!reader_.accept("}")) statement();
    return std::move(plan_);
  }

 private:
  void statement() {
    if (reader_.accept_word("slot")) return slot();
    if (reader_.accept_word("prepared")) return prepared();
    if (reader_.accept_word("state")) return state();
    if (reader_.accept_word("tensor")) return tensor();
    if (reader_.accept_word("prepare")) {
      return plan_.prologue.push_back(instruction(plan_.prepared.size()));
    }
    if (reader_.accept_word("run")) {
      return plan_.instructions.push_back(instruction(plan_.slots.size()));
    }
    reader_.expect_word("output");
    const std::string name = reader_.name("an output's name");
    reader_.expect("=");
    plan_.outputs.push_back({name, index_below(plan_.tensors.size())});
  }

  void slot() {
    Plan::Slot slot{.device = reader_.device()};
    slot.bytes = bracketed_dim();
    reader_.expect_word("above");
    slot.above = indices_below(plan_.slots.size());
    plan_.slots.push_back(std::move(slot));
  }

  void prepared() {
    Plan::Prepared prepared{.device = reader_.device()};
    reader_.expect("[");
    const std::size_t place = reader_.place();
    prepared.bytes = reader_.integer();
    if (prepared.bytes < 0) {
      reader_.fail_at(place, fmt::format("bytes are at least 0: {}", prepared.bytes));
    }
    reader_.expect("]");
    plan_.prepared.push_back(std::move(prepared));
  }

  void state() {
    const std::size_t place = reader_.place();
    Plan::StatePlace state{.node = read_value(reader_, values_).node};
    if (plan_.graph.node(state.node).kind != NodeKind::state) {
      reader_.fail_at(place, "only states are said to lie somewhere");
    }
    reader_.expect_word("on");
    state.device = reader_.device();
    plan_.states.push_back(state);
  }

  void tensor() {
    Plan::Tensor tensor;
    const std::size_t place = reader_.place();
    if (reader_.accept_word("slot")) {
      tensor.index = index_below(plan_.slots.size());
    } else if (reader_.accept_word("prepared")) {
      tensor.storage = Plan::Storage::prepared;
      tensor.index = index_below(plan_.prepared.size());
    } else {
      tensor.index = read_value(reader_, values_).node;
      tensor.storage =
          reader_.located(place, [&] { return stored_as(plan_.graph.node(tensor.index).kind); });
    }
    reader_.expect(":");
    tensor.type = reader_.type();
    reader_.expect_word("strides");
    tensor.strides = reader_.shape();
    if (tensor.strides.size() != tensor.type.shape.size()) {
      reader_.fail_at(place, "a tensor has one stride an axis");
    }
    reader_.expect_word("offset");
    tensor.offset = bracketed_dim();
    plan_.tensors.push_back(std::move(tensor));
  }

  Plan::Instruction instruction(std::size_t workspace_count) {
    Plan::Instruction instruction{.node = read_value(reader_, values_).node};
    reader_.expect(":");
    const std::size_t place = reader_.place();
    instruction.op = reader_.identifier("an op");
    const Op& op = *reader_.located(place, [&] { return &ops_.get(instruction.op); });
    reader_.expect("=");
    instruction.kernel = reader_.name("a kernel");
    reader_.expect_word("on");
    instruction.device = reader_.device();
    reader_.expect("(");
    instruction.inputs = indices_below(plan_.tensors.size());
    while (reader_.accept(",")) reader_.attribute(op, instruction.attributes);
    reader_.expect(")");
    reader_.expect("->");
    instruction.outputs = indices_below(plan_.tensors.size());
    if (reader_.accept_word("workspace")) instruction.workspace = index_below(workspace_count);
    if (reader_.accept_word("bundle")) instruction.bundle = reader_.index();
    return instruction;
  }

  Dim bracketed_dim() {
    reader_.expect("[");
    Dim dim = reader_.dim();
    reader_.expect("]");
    return dim;
  }

  std::int32_t index_below(std::size_t count) {
    const std::size_t place = reader_.place();
    const std::int32_t index = reader_.index();
    if (static_cast<std::size_t>(index) >= count) {
      reader_.fail_at(place, fmt::format("{} is not defined before: there are {}", index, count));
    }
    return index;
  }

  std::vector<std::int32_t> indices_below(std::size_t count) {
    std::vector<std::int32_t> indices;
    reader_.list("[", "]", [&] { indices.push_back(index_below(count)); });
    return indices;
  }

  TextReader& reader_;
  const OpSet& ops_;
  NamedValues values_;
  Plan plan_;
};

}  // namespace

PlanId Plan::id() const { return {Hasher("plan/1").add(to_text(*this)).finish()}; }

Device Plan::device_of(const Tensor& tensor) const {
  switch (tensor.storage) {
    case Storage::slot:
      return slots[tensor.index].device;
    case Storage::prepared:
      return prepared[tensor.index].device;
    case Storage::state:
      return state_device(tensor.index);
    default:
      return {};
  }
}

Device Plan::state_device(std::int32_t node) const {
  for (const StatePlace& state : states) {
    if (state.node == node) return state.device;
  }
  return {};
}

std::optional<Device> Plan::accelerator() const {
  const auto first_of = [](const auto& pieces) -> std::optional<Device> {
    for (const auto& piece : pieces) {
      if (piece.device.kind != DeviceKind::cpu) return piece.device;
    }
    return std::nullopt;
  };
  if (const auto device = first_of(instructions)) return device;
  if (const auto device = first_of(prologue)) return device;
  if (const auto device = first_of(prepared)) return device;
  if (const auto device = first_of(slots)) return device;
  return first_of(states);
}

Plan::Storage storage_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::input:
      return Plan::Storage::input;
    case NodeKind::weight:
      return Plan::Storage::weight;
    case NodeKind::constant:
      return Plan::Storage::constant;
    case NodeKind::state:
      return Plan::Storage::state;
    case NodeKind::op:
      break;
  }
  return Plan::Storage::slot;
}

std::string to_text(const Plan& plan) {
  const ValueNames names(plan.graph);
  std::string text = "plan {\n" + graph_text(plan.graph, names);
  for (const Plan::Slot& slot : plan.slots) text += slot_text(slot);
  for (const auto& [device, bytes] : plan.prepared) {
    text += fmt::format("prepared {} [{}]\n", device.to_string(), bytes);
  }
  for (const Plan::StatePlace& state : plan.states) text += state_text(state, names);
  for (const Plan::Tensor& tensor : plan.tensors) text += tensor_text(tensor, names);
  for (const Plan::Instruction& instruction : plan.prologue) {
    text += instruction_text("prepare", instruction, names);
  }
  for (const Plan::Instruction& instruction : plan.instructions) {
    text += instruction_text("run", instruction, names);
  }
  for (const auto& [name, tensor] : plan.outputs) {
    text += fmt::format("output {} = {}\n", name_text(name), tensor);
  }
  return text + "}\n";
}

Plan read_plan(TextReader& reader, const OpSet& ops) { return PlanReader(reader, ops).read(); }

Plan parse_plan(std::string_view text, const OpSet& ops) {
  TextReader reader(text);
  Plan plan = read_plan(reader, ops);
  reader.expect_end();
  return plan;
}

}  // namespace paceline
