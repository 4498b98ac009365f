#include "worker/execute/sources.h"

#include <cstring>

#include "common/base/error.h"

namespace paceline {

namespace {

void clear(const AlignedBytes& memory) {
  if (memory.size() > 0) std::memset(memory.data(), 0, static_cast<std::size_t>(memory.size()));
}

}  // namespace

Sources::Sources(const Graph& graph, const WeightSet& weights, DimTable& dims)
    : graph_(graph), addresses_(graph.nodes().size()) {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(addresses_.size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind == NodeKind::constant) keep(i, node.constant);
    if (node.kind == NodeKind::weight) keep(i, weight(node, weights));
    if (node.kind != NodeKind::input && node.kind != NodeKind::state) continue;
    Buffer& buffer = buffers_[i];
    for (const Dim& dim : node.outputs[0].shape) buffer.dims.push_back(dims.add(dim));
    buffer.bytes_dim = dims.add(size_bytes(node.outputs[0]));
  }
}

void Sources::keep(std::int32_t node, const Tensor& tensor) {
  addresses_[node] = static_cast<std::byte*>(tensor.data());
  tensors_[node] = tensor;
}

const Tensor& Sources::weight(const Node& node, const WeightSet& weights) const {
  const TensorType& type = node.outputs[0];
  const auto found = weights.find(node.name);
  if (found == weights.end()) {
    throw invalid("weight \"{}\" is missing: {}", node.name, type.to_string());
  }
  if (found->second.dtype() != type.dtype) {
    throw invalid("weight \"{}\" must be {}, not {}", node.name, type.to_string(),
                  to_string(found->second.dtype()));
  }
  return found->second;
}

void Sources::check_weights(const Bindings& bindings) const {
  for (const auto& [index, tensor] : tensors_) {
    const Node& node = graph_.node(index);
    const Extents extents = evaluate(node.outputs[0].shape, bindings);
    if (tensor.extents() == extents) continue;
    throw invalid("weight \"{}\" must be {}, not {}", node.name, to_string(extents),
                  to_string(tensor.extents()));
  }
}

std::int64_t Sources::bytes_needed(const DimTable& dims) const {
  std::int64_t bytes = 0;
  for (const auto& [index, buffer] : buffers_) bytes += dims.value(buffer.bytes_dim);
  return bytes;
}

std::int64_t Sources::bytes_held() const {
  std::int64_t bytes = 0;
  for (const auto& [index, buffer] : buffers_) bytes += buffer.memory.size();
  return bytes;
}

void Sources::bind(const DimTable& dims) {
  for (auto& [index, buffer] : buffers_) {
    Extents extents;
    for (const std::int32_t dim : buffer.dims) extents.push_back(dims.value(dim));
    if (buffer.is_bound && extents == buffer.extents) continue;
    buffer.is_bound = buffer.is_set = false;
    buffer.memory = {};  // Before the next is asked for.
    buffer.memory = AlignedBytes(dims.value(buffer.bytes_dim));
    clear(buffer.memory);
    buffer.extents = std::move(extents);
    buffer.is_bound = true;
    addresses_[index] = buffer.memory.data();
  }
}

void Sources::set_input(std::string_view name, const Tensor& tensor) {
  const std::optional<std::int32_t> index = graph_.find(NodeKind::input, name);
  if (!index) throw invalid("the graph has no input \"{}\"", name);
  Buffer& buffer = buffers_.at(*index);
  if (!buffer.is_bound) throw invalid("bind the symbols before setting input \"{}\"", name);
  const Dtype dtype = graph_.node(*index).outputs[0].dtype;
  if (tensor.dtype() != dtype || tensor.extents() != buffer.extents) {
    throw invalid("input \"{}\" must be {}{}, not {}{}", name, to_string(dtype),
                  to_string(buffer.extents), to_string(tensor.dtype()),
                  to_string(tensor.extents()));
  }
  if (buffer.memory.size() > 0) {
    std::memcpy(buffer.memory.data(), tensor.data(), tensor.size_bytes());
  }
  buffer.is_set = true;
}

void Sources::check_inputs_set() const {
  for (const auto& [index, buffer] : buffers_) {
    const Node& node = graph_.node(index);
    if (node.kind == NodeKind::state || buffer.is_set) continue;
    throw invalid("input \"{}\" was not set: {}", node.name, node.outputs[0].to_string());
  }
}

void Sources::clear_states() {
  for (const auto& [index, buffer] : buffers_) {
    if (graph_.node(index).kind == NodeKind::state) clear(buffer.memory);
  }
}

}  // namespace paceline
