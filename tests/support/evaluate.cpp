#include "tests/support/evaluate.h"

#include <algorithm>

#include "common/graph/reference.h"

namespace paceline::test {

namespace {

TensorType bound(const TensorType& type, const Bindings& bindings) {
  const Extents extents = paceline::evaluate(type.shape, bindings);
  return {type.dtype, Shape(extents.begin(), extents.end())};
}

TensorType type_of(const Tensor& tensor) {
  return {tensor.dtype(), Shape(tensor.extents().begin(), tensor.extents().end())};
}

// The atomic ops that a node comes down to.
std::vector<Value> expand(GraphBuilder& builder, const Op& op, std::span<const Value> inputs,
                          const Attributes& attributes) {
  GraphBuilder scratch(builder.ops());
  std::vector<Value> scratch_inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    scratch_inputs.push_back(scratch.input(fmt::format("in{}", i), inputs[i].type()));
  }
  const std::vector<Value> results = op.decompose(scratch, scratch_inputs, attributes);
  for (std::size_t i = 0; i < results.size(); ++i) {
    scratch.output(fmt::format("out{}", i), results[i]);
  }
  const Graph graph = scratch.finish();
  std::vector<std::vector<Value>> values;
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    std::vector<Value> operands;
    for (const ValueRef ref : node.inputs) operands.push_back(values[ref.node][ref.output]);
    const Op* inner = node.kind == NodeKind::op ? &builder.ops().get(node.op) : nullptr;
    if (node.kind == NodeKind::input) {
      values.push_back({inputs[n]});
    } else if (inner && inner->is_composite()) {
      values.push_back(expand(builder, *inner, operands, node.attributes));
    } else {
      values.push_back(builder.copy(graph, static_cast<std::int32_t>(n), operands));
    }
  }
  std::vector<Value> outputs;
  for (const NamedOutput& output : graph.outputs()) {
    outputs.push_back(values[output.value.node][output.value.output]);
  }
  return outputs;
}

}  // namespace

Tensor doubles(Extents extents, const std::vector<double>& elements) {
  return Tensor::of<double>(std::move(extents), elements);
}

Tensor integers(Extents extents, const std::vector<std::int64_t>& elements) {
  return Tensor::of<std::int64_t>(std::move(extents), elements);
}

Tensor booleans(Extents extents, const std::vector<bool>& elements) {
  Tensor tensor(Dtype::boolean, std::move(extents));
  std::ranges::copy(elements, tensor.as<bool>());
  return tensor;
}

std::vector<Tensor> call(const Op& op, const std::vector<Tensor>& inputs,
                         const Attributes& attributes) {
  const Attributes complete = attributes.complete(op.name, op.attributes);
  std::vector<TensorType> types;
  for (const Tensor& input : inputs) types.push_back(type_of(input));
  return evaluate_reference(op, inputs, complete, infer_types(op, types, complete));
}

Tensor call(std::string_view name, const std::vector<Tensor>& inputs,
            const Attributes& attributes) {
  return call(op(name), inputs, attributes).front();
}

TensorType infer(std::string_view name, const std::vector<TensorType>& inputs,
                 const Attributes& attributes) {
  const Op& found = op(name);
  return infer_types(found, inputs, attributes.complete(name, found.attributes)).front();
}

std::string infer_text(std::string_view name, const std::vector<TensorType>& inputs,
                       const Attributes& attributes) {
  return infer(name, inputs, attributes).to_string();
}

std::vector<Tensor> evaluate(const Graph& graph, const std::vector<Tensor>& inputs,
                             const Bindings& bindings) {
  std::vector<std::vector<Tensor>> values;
  std::size_t next_input = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::constant) {
      values.push_back({to_reference(node.constant)});
      continue;
    }
    if (node.kind != NodeKind::op) {
      values.push_back({inputs.at(next_input++)});
      continue;
    }
    std::vector<Tensor> operands;
    for (const ValueRef ref : node.inputs) operands.push_back(values[ref.node][ref.output]);
    std::vector<TensorType> types;
    for (const TensorType& type : node.outputs) types.push_back(bound(type, bindings));
    values.push_back(
        evaluate_reference(op(node.op), operands, node.attributes.bind(bindings), types));
  }
  std::vector<Tensor> outputs;
  for (const NamedOutput& output : graph.outputs()) {
    outputs.push_back(values[output.value.node][output.value.output]);
  }
  return outputs;
}

Graph decomposition(const Op& op, const std::vector<TensorType>& inputs,
                    const Attributes& attributes) {
  GraphBuilder builder(ops::all_ops(), op.name);
  std::vector<Value> values;
  for (const TensorType& type : inputs) {
    values.push_back(builder.input(fmt::format("in{}", values.size()), type));
  }
  const std::vector<Value> outputs =
      expand(builder, op, values, attributes.complete(op.name, op.attributes));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    builder.output(fmt::format("out{}", i), outputs[i]);
  }
  return builder.finish();
}

}  // namespace paceline::test
