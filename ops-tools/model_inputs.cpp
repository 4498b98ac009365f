#include "ops-tools/model_inputs.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/random.h"
#include "ops-tools/model_request.h"

namespace paceline {
namespace {

std::vector<const Node*> inputs_of(const Graph& graph) {
  std::vector<const Node*> inputs;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::input) inputs.push_back(&node);
  }
  return inputs;
}

std::string describe(const Tensor& tensor) {
  return std::string(to_string(tensor.dtype())) + to_string(tensor.extents());
}

// Axes that are a symbol alone tell its number.
void bind_from(const Node& input, const Tensor& tensor, Bindings& bindings) {
  const Shape& shape = input.outputs.front().shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto symbols = shape[axis].symbols();
    if (symbols.size() != 1 || shape[axis] != Dim::symbol(*symbols.begin())) continue;
    const std::int64_t extent = tensor.extents()[axis];
    const auto [bound, is_new] = bindings.emplace(*symbols.begin(), extent);
    if (!is_new && bound->second != extent) {
      throw invalid("input {} has {} where {}={} is bound: {}", input.name, extent, bound->first,
                    bound->second, describe(tensor));
    }
  }
}

void require_type(const Node& input, const Tensor& tensor, const Bindings& bindings) {
  const TensorType& type = input.outputs.front();
  if (tensor.dtype() == type.dtype && tensor.extents() == evaluate(type.shape, bindings)) return;
  throw invalid("input {} must be {}: {}", input.name, type.to_string(), describe(tensor));
}

Tensor draw(const TensorType& type, const Bindings& bindings, std::int64_t index_bound,
            Random& random) {
  Tensor drawn(is_float(type.dtype) ? Dtype::f64 : Dtype::i64, evaluate(type.shape, bindings));
  for (std::int64_t i = 0; i < drawn.element_count(); ++i) {
    if (is_float(type.dtype)) {
      drawn.as<double>()[i] = random.normal();
    } else {
      drawn.as<std::int64_t>()[i] = random.below(index_bound);
    }
  }
  return drawn.cast(type.dtype);
}

}  // namespace

ModelInputs read_inputs(const Graph& graph, const std::filesystem::path& file,
                        const Bindings& given) {
  ModelInputs inputs{.tensors = {}, .bindings = given, .skipped = {}};
  TensorMap tensors = read_safetensors(file).tensors;
  const auto nodes = inputs_of(graph);
  for (const Node* input : nodes) {
    const auto found = tensors.find(input->name);
    if (found == tensors.end()) {
      throw invalid("{} lacks the input {}: {}", file.string(), input->name,
                    input->outputs.front().to_string());
    }
    const std::size_t rank = input->outputs.front().shape.size();
    if (found->second.extents().size() != rank) {
      throw invalid("input {} must be {}: {}", input->name, input->outputs.front().to_string(),
                    describe(found->second));
    }
    bind_from(*input, found->second, inputs.bindings);
    inputs.tensors.insert(tensors.extract(found));
  }
  require_bound(graph, inputs.bindings);
  for (const Node* input : nodes) {
    require_type(*input, inputs.tensors.find(input->name)->second, inputs.bindings);
  }
  for (const auto& [name, tensor] : tensors) inputs.skipped.push_back(name);
  return inputs;
}

ModelInputs draw_inputs(const Graph& graph, const Bindings& given, std::int64_t index_bound,
                        std::uint64_t seed) {
  require_bound(graph, given);
  ModelInputs inputs{.tensors = {}, .bindings = given, .skipped = {}};
  Random random(seed);
  for (const Node* input : inputs_of(graph)) {
    inputs.tensors.emplace(input->name,
                           draw(input->outputs.front(), given, std::max<std::int64_t>(index_bound, 2),
                                random));
  }
  return inputs;
}

}  // namespace paceline
