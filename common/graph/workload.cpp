#include "common/graph/workload.h"

#include <fmt/format.h>

#include "common/graph/text/reader.h"
#include "common/graph/text/writer.h"

namespace paceline {

namespace {

bool is_dense(const OperandType& operand) {
  return operand.strides.empty() || operand.strides == row_major_strides(operand.extents);
}

void add(Hasher& hasher, const std::vector<OperandType>& operands) {
  hasher.add(operands.size());
  for (const OperandType& operand : operands) {
    hasher.add(to_string(operand.dtype)).add(operand.extents.size());
    for (const std::int64_t extent : operand.extents) hasher.add(extent);
    hasher.add(is_dense(operand));
    if (!is_dense(operand)) {
      for (const std::int64_t stride : operand.strides) hasher.add(stride);
    }
    hasher.add(operand.packing);
  }
}

std::string join(const std::vector<OperandType>& operands) {
  std::string text;
  for (const OperandType& operand : operands) {
    text += (text.empty() ? "" : ", ") + operand.to_string();
  }
  return text;
}

OperandType read_operand(TextReader& reader) {
  OperandType operand{reader.dtype(), reader.extents()};
  const std::size_t place = reader.place();
  if (reader.next_is('{')) {
    reader.list("{", "}", [&] { operand.strides.push_back(reader.integer()); });
    if (operand.strides.size() != operand.extents.size()) {
      reader.fail_at(place, fmt::format("one stride an axis: {} for {} axes",
                                        operand.strides.size(), operand.extents.size()));
    }
  }
  if (reader.accept("@")) operand.packing = reader.quoted("a packing in quotes");
  return operand;
}

OperandType dense_operand(const TensorType& type, const Bindings& bindings) {
  return {.dtype = type.dtype,
          .extents = evaluate(type.shape, bindings),
          .packing = type.layout.packing};
}

}  // namespace

std::string OperandType::to_string() const {
  std::string text = fmt::format("{}{}", paceline::to_string(dtype), paceline::to_string(extents));
  if (!is_dense(*this)) text += fmt::format("{{{}}}", fmt::join(strides, ","));
  if (!packing.empty()) text += "@" + quoted(packing);
  return text;
}

WorkloadId Workload::id() const {
  Hasher hasher("workload/1");
  hasher.add(op);
  attributes.add_to(hasher);
  add(hasher, inputs);
  add(hasher, outputs);
  return {hasher.finish()};
}

std::string Workload::to_text() const {
  std::string arguments = join(inputs) + attributes_text(attributes);
  if (inputs.empty() && !attributes.empty()) arguments = arguments.substr(2);  // ", "
  return fmt::format("{}({}) -> {}", op, arguments, join(outputs));
}

Workload parse_workload(std::string_view text, const OpSet& ops) {
  TextReader reader(text);
  const std::size_t start = reader.place();
  const std::string name = reader.identifier("an op");
  const Op& op = *reader.located(start, [&] { return &ops.get(name); });
  Workload workload{.op = op.name};
  reader.list("(", ")", [&] {
    if (reader.next_is_attribute()) return reader.attribute(op, workload.attributes);
    workload.inputs.push_back(read_operand(reader));
  });
  workload.attributes = reader.located(
      start, [&] { return workload.attributes.complete(op.name, op.attributes); });
  reader.expect("->");
  do workload.outputs.push_back(read_operand(reader));
  while (reader.accept(","));
  reader.expect_end();
  return workload;
}

Workload workload_of(const Graph& graph, std::int32_t index, const Bindings& bindings) {
  const Node& node = graph.node(index);
  Workload workload{.op = node.op, .attributes = node.attributes.bind(bindings)};
  for (const ValueRef input : node.inputs) {
    workload.inputs.push_back(dense_operand(graph.type(input), bindings));
  }
  for (const TensorType& type : node.outputs) {
    workload.outputs.push_back(dense_operand(type, bindings));
  }
  return workload;
}

Workload workload_of(const Op& op, const Sample& sample) {
  Workload workload{.op = op.name,
                    .attributes = sample.attributes.complete(op.name, op.attributes)};
  std::vector<TensorType> types;
  for (const auto& [dtype, extents, domain] : sample.inputs) {
    types.push_back({dtype, Shape(extents.begin(), extents.end())});
    workload.inputs.push_back({dtype, extents});
  }
  for (const TensorType& type : infer_types(op, types, workload.attributes)) {
    workload.outputs.push_back(dense_operand(type, {}));
  }
  return workload;
}

}  // namespace paceline
