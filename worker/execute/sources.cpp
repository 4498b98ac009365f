#include "worker/execute/sources.h"

#include <cstring>
#include <utility>

#include "common/base/error.h"

namespace paceline {

Sources::Sources(const Plan& plan, const WeightSet& weights, std::shared_ptr<States> states,
                 DimTable& dims, kernels::DeviceRuntime* runtime)
    : plan_(plan),
      graph_(plan.graph),
      runtime_(runtime),
      addresses_(graph_.nodes().size()),
      states_(std::move(states)) {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(addresses_.size()); ++i) {
    const Node& node = graph_.node(i);
    if (node.kind == NodeKind::constant) keep(i, node.constant);
    if (node.kind == NodeKind::weight) keep(i, weight(node, weights));
    if (node.kind != NodeKind::input && node.kind != NodeKind::state) continue;
    Extent& extent = node.kind == NodeKind::input ? inputs_[i].extent : state_extents_[i];
    for (const Dim& dim : node.outputs[0].shape) extent.dims.push_back(dims.add(dim));
    extent.bytes_dim = dims.add(size_bytes(node.outputs[0]));
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
  for (const auto& [index, tensor] : tensors_) check_weight(index, bindings);
}

void Sources::check_weight(std::int32_t index, const Bindings& bindings) const {
  const Node& node = graph_.node(index);
  const Extents& given = tensors_.at(index).extents();
  const Extents extents = evaluate(node.outputs[0].shape, bindings);
  if (given == extents) return;
  throw invalid("weight \"{}\" must be {}, not {}", node.name, to_string(extents),
                to_string(given));
}

void Sources::drop(std::int32_t node, const FileMappings& mappings) {
  mappings.forget(bytes(node));
  tensors_.erase(node);
  addresses_[node] = nullptr;
}

std::span<const std::byte> Sources::bytes(std::int32_t node) const {
  const Tensor& tensor = tensors_.at(node);
  return {static_cast<const std::byte*>(tensor.data()), tensor.size_bytes()};
}

std::vector<std::int32_t> Sources::dims() const {
  std::vector<std::int32_t> dims;
  for (const auto& [index, input] : inputs_) {
    dims.insert(dims.end(), input.extent.dims.begin(), input.extent.dims.end());
  }
  for (const auto& [index, extent] : state_extents_) {
    dims.insert(dims.end(), extent.dims.begin(), extent.dims.end());
  }
  return dims;
}

Extents Sources::Extent::evaluate(const DimTable& table) const {
  Extents extents;
  for (const std::int32_t dim : dims) extents.push_back(table.value(dim));
  return extents;
}

std::int64_t Sources::bytes_needed(const DimTable& dims, const Device& device) const {
  std::int64_t bytes = 0;
  for (const auto& [index, input] : inputs_) {
    if (device == Device{}) bytes += dims.value(input.extent.bytes_dim);
  }
  for (const auto& [index, extent] : state_extents_) {
    if (device == plan_.state_device(index)) bytes += dims.value(extent.bytes_dim);
  }
  return bytes;
}

std::int64_t Sources::bytes_held(const Device& device) const {
  std::int64_t bytes = states_->size_bytes(device);
  for (const auto& [index, input] : inputs_) {
    if (device == Device{}) bytes += input.memory.size();
  }
  return bytes;
}

void Sources::bind(const DimTable& dims) {
  for (auto& [index, input] : inputs_) {
    Extents extents = input.extent.evaluate(dims);
    if (input.is_bound && extents == input.extents) continue;
    input.is_bound = input.is_set = false;
    input.memory = {};  // Before the next is asked for.
    input.memory = allocate_host(dims.value(input.extent.bytes_dim), runtime_);
    input.extents = std::move(extents);
    input.is_bound = true;
    addresses_[index] = input.memory.data();
  }
  for (const auto& [index, extent] : state_extents_) {
    const Node& node = graph_.node(index);
    addresses_[index] = states_->bind(node.name, node.outputs[0].dtype, extent.evaluate(dims),
                                      plan_.state_device(index), runtime_);
  }
  state_moves_ = states_->moves();
}

void Sources::set_input(std::string_view name, const Tensor& tensor) {
  const std::optional<std::int32_t> index = graph_.find(NodeKind::input, name);
  if (!index) throw invalid("the graph has no input \"{}\"", name);
  Input& input = inputs_.at(*index);
  if (!input.is_bound) throw invalid("bind the symbols before setting input \"{}\"", name);
  const Dtype dtype = graph_.node(*index).outputs[0].dtype;
  if (tensor.dtype() != dtype || tensor.extents() != input.extents) {
    throw invalid("input \"{}\" must be {}{}, not {}{}", name, to_string(dtype),
                  to_string(input.extents), to_string(tensor.dtype()), to_string(tensor.extents()));
  }
  if (input.memory.size() > 0) {
    std::memcpy(input.memory.data(), tensor.data(), tensor.size_bytes());
  }
  input.is_set = true;
}

std::optional<TensorView> Sources::input(std::string_view name) const {
  const std::optional<std::int32_t> index = graph_.find(NodeKind::input, name);
  if (!index) throw invalid("the graph has no input \"{}\"", name);
  const Input& input = inputs_.at(*index);
  if (!input.is_set) return std::nullopt;
  const Dtype dtype = graph_.node(*index).outputs[0].dtype;
  return TensorView::dense(input.memory.data(), dtype, input.extents);
}

void Sources::clear_inputs() {
  for (auto& [index, input] : inputs_) input.is_set = false;
}

void Sources::check_inputs_set() const {
  for (const auto& [index, input] : inputs_) {
    if (input.is_set) continue;
    const Node& node = graph_.node(index);
    throw invalid("input \"{}\" was not set: {}", node.name, node.outputs[0].to_string());
  }
}

}  // namespace paceline
