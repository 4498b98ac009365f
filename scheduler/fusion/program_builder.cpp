#include "scheduler/fusion/program_builder.h"

#include <algorithm>
#include <functional>

#include "common/base/error.h"

namespace paceline::fusion {

namespace {

using ops::FusedProgram;
using Kind = FusedProgram::Operand::Kind;

bool is_admitted(Dtype dtype) {
  return dtype == Dtype::f32 || dtype == Dtype::f16 || dtype == Dtype::bf16 ||
         dtype == Dtype::boolean;
}

// The attribute of an op as a step writes it.
std::string form_of(const Node& node) {
  const std::string_view name = ops::form_attribute(node.op);
  if (name.empty()) return "";
  const Attribute& attribute = *node.attributes.find(name);
  if (const auto* dtype = std::get_if<Dtype>(&attribute)) return std::string(to_string(*dtype));
  return std::get<std::string>(attribute);
}

bool is_along_last(const Node& node, const TensorType& input) {
  const auto& axes = node.attributes.get<std::vector<std::int64_t>>("axes");
  const std::int64_t rank = std::ssize(input.shape);
  return rank > 0 && node.attributes.get<bool>("keep_dims") && axes.size() == 1 &&
         (axes[0] == -1 || axes[0] == rank - 1);
}

// Steps and inputs in the order in which outputs first need them.
class Ordered {
 public:
  explicit Ordered(const FusedProgram& from) : from_(from), new_(from.steps.size(), -1) {}

  FusedProgram program;
  std::vector<int> inputs;  // New to old.
  std::vector<int> steps;   // New to old.

  void give(int output) {
    visit(output);
    program.outputs.push_back(new_[output]);
  }

  // The first input must be floats.
  void put_first(int old) {
    const auto found = std::ranges::find(inputs, old);
    const int at = static_cast<int>(found - inputs.begin());
    std::swap(inputs[0], inputs[at]);
    for (auto& step : program.steps) {
      for (auto& operand : step.operands) {
        if (operand.kind != Kind::input) continue;
        if (operand.index == 0) {
          operand.index = at;
        } else if (operand.index == at) {
          operand.index = 0;
        }
      }
    }
  }

 private:
  void visit(int step) {
    if (new_[step] >= 0) return;
    FusedProgram::Step copy = from_.steps[step];
    for (auto& operand : copy.operands) {
      if (operand.kind == Kind::step) {
        visit(operand.index);
        operand.index = new_[operand.index];
      } else if (operand.kind == Kind::input) {
        auto found = std::ranges::find(inputs, operand.index);
        if (found == inputs.end()) found = inputs.insert(inputs.end(), operand.index);
        operand.index = static_cast<int>(found - inputs.begin());
      }
    }
    new_[step] = static_cast<int>(program.steps.size());
    steps.push_back(step);
    program.steps.push_back(std::move(copy));
  }

  const FusedProgram& from_;
  std::vector<int> new_;  // Old to new.
};

}  // namespace

bool ProgramBuilder::add(std::int32_t node) { return translate(*graph_, node, values_); }

// A broadcast is its source, and a constant of one element a number.
std::optional<ProgramBuilder::Operand> ProgramBuilder::operand(const Graph& graph, ValueRef value,
                                                               Values& values) {
  const Node& node = graph.node(value.node);
  if (const auto known = values.find(value); known != values.end()) return known->second;
  if (node.kind == NodeKind::op && node.op == "broadcast") {
    return operand(graph, node.inputs[0], values);
  }
  if (!is_admitted(graph.type(value).dtype)) return std::nullopt;
  if (node.kind == NodeKind::constant && node.constant.element_count() == 1) {
    return Operand{.kind = Kind::number, .number = node.constant.to_doubles()[0]};
  }
  // Only the graph's own values come from outside.
  if (&graph != graph_ || std::ssize(inputs_) == FusedProgram::inputs_max) return std::nullopt;
  const Operand input{.kind = Kind::input, .index = static_cast<int>(inputs_.size())};
  inputs_.push_back(value);
  values[value] = input;
  return input;
}

Shape ProgramBuilder::shape_of(const Operand& operand) const {
  if (operand.kind == Kind::number) return {};
  return operand.kind == Kind::step ? shapes_[operand.index]
                                    : graph_->type(inputs_[operand.index]).shape;
}

std::optional<ProgramBuilder::Step> ProgramBuilder::step_of(const Graph& graph, const Node& node,
                                                            Values& values) {
  const std::string form = form_of(node);
  if (!ops::is_fusible(node.op, form)) return std::nullopt;
  Step step{.op = node.op, .form = form, .operands = {}};
  bool has_values = false;
  for (const ValueRef input : node.inputs) {
    if (!is_admitted(graph.type(input).dtype)) return std::nullopt;
    const auto from = operand(graph, input, values);
    if (!from) return std::nullopt;
    has_values |= from->kind != Kind::number;
    step.operands.push_back(*from);
  }
  if (!has_values || (step.is_reduction() && !reduces_all(graph, node, step))) return std::nullopt;
  return step;
}

// A row that was broadcast counts each element once in a program, and several times in the graph.
bool ProgramBuilder::reduces_all(const Graph& graph, const Node& node, const Step& step) const {
  const TensorType& type = graph.type(node.inputs[0]);
  if (!is_along_last(node, type)) return false;
  const Shape shape = shape_of(step.operands[0]);
  return !shape.empty() && shape.back() == type.shape.back();
}

bool ProgramBuilder::translate(const Graph& graph, std::int32_t index, Values& values) {
  const Node& node = graph.node(index);
  for (const TensorType& type : node.outputs) {
    if (!is_admitted(type.dtype)) return false;
  }
  if (!ops::is_fusible(node.op, form_of(node))) return expand(graph, node, index, values);
  const auto step = step_of(graph, node, values);
  if (!step) return false;
  auto known = std::ranges::find(program_.steps, *step);
  if (known == program_.steps.end()) {
    if (std::ssize(program_.steps) == FusedProgram::steps_max) return false;
    Shape shape;
    for (const Operand& from : step->operands) shape = broadcast_shape(shape, shape_of(from));
    if (step->is_reduction()) shape.back() = 1;
    shapes_.push_back(std::move(shape));
    dtypes_.push_back(node.outputs[0].dtype);
    known = program_.steps.insert(known, *step);
  }
  const int at = static_cast<int>(known - program_.steps.begin());
  values[{index, 0}] = {.kind = Kind::step, .index = at};
  return dtypes_[at] == node.outputs[0].dtype;
}

// A composite by its parts, if they are all what a program can say.
bool ProgramBuilder::expand(const Graph& graph, const Node& node, std::int32_t index,
                            Values& values) {
  const Op& op = ops_->get(node.op);
  if (!op.is_composite() || node.inputs.size() > 4) return false;
  GraphBuilder builder(*ops_);
  std::vector<Value> inputs;
  for (const ValueRef input : node.inputs) {
    inputs.push_back(builder.input(fmt::format("{}", inputs.size()), graph.type(input)));
  }
  const std::vector<Value> outputs = op.decompose(builder, inputs, node.attributes);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    builder.output(fmt::format("{}", i), outputs[i]);
  }
  const Graph parts = builder.finish();
  Values inner;
  std::size_t next = 0;
  for (std::size_t n = 0; n < parts.nodes().size(); ++n) {
    const Node& part = parts.nodes()[n];
    const ValueRef value{static_cast<std::int32_t>(n), 0};
    if (part.kind == NodeKind::input) {
      const auto from = operand(graph, node.inputs[next++], values);
      if (!from) return false;
      inner[value] = *from;
    } else if (part.kind == NodeKind::op && part.op != "broadcast") {
      if (!translate(parts, value.node, inner)) return false;
    }
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto found = inner.find(parts.outputs()[i].value);
    if (found == inner.end() || found->second.kind != Kind::step) return false;
    values[{index, static_cast<std::int32_t>(i)}] = found->second;
  }
  return true;
}

std::optional<ProgramBuilder::Result> ProgramBuilder::finish(
    std::span<const ValueRef> outputs) const {
  if (std::ssize(outputs) > FusedProgram::outputs_max) return std::nullopt;
  Ordered ordered(program_);
  for (const ValueRef output : outputs) {
    const Operand& from = values_.at(output);
    if (from.kind != Kind::step) return std::nullopt;
    ordered.give(from.index);
  }
  const auto first = std::ranges::find_if(
      ordered.inputs, [&](int i) { return is_float(graph_->type(inputs_[i]).dtype); });
  if (first == ordered.inputs.end()) return std::nullopt;
  if (first != ordered.inputs.begin()) ordered.put_first(*first);
  Result result{.program = ordered.program.to_text(), .inputs = {}};
  std::vector<TensorType> types;
  for (const int input : ordered.inputs) {
    result.inputs.push_back(inputs_[input]);
    types.push_back(graph_->type(inputs_[input]));
  }
  try {
    // Numbers take the dtype of what they meet, which need not be the one they had.
    const auto steps = ops::fused_types(ordered.program, types);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].dtype != dtypes_[ordered.steps[i]]) return std::nullopt;
    }
    const auto given = infer_types(ops_->get("fused"), types, {{"program", result.program}});
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (given[i] != graph_->type(outputs[i])) return std::nullopt;
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  return result;
}

}  // namespace paceline::fusion
