#include "ops-tools/bench/task.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace paceline::bench {
namespace {

Tensor make(const TensorType& type, const Bindings& bindings, std::int64_t index_bound) {
  Tensor made(is_float(type.dtype) ? Dtype::f32 : Dtype::i64, evaluate(type.shape, bindings));
  for (std::int64_t i = 0; i < made.element_count(); ++i) {
    if (is_float(type.dtype)) {
      made.as<float>()[i] = static_cast<float>(i * 7919 % 2003) / 1001.5f - 1;
    } else if (type.dtype == Dtype::boolean) {
      made.as<std::int64_t>()[i] = i % 3 == 1 ? 1 : 0;
    } else {
      made.as<std::int64_t>()[i] = i * 7919 % index_bound;
    }
  }
  return made.cast(type.dtype);
}

}  // namespace

nlohmann::json Task::to_json() const {
  return {{"model", model.string()},     {"threads", threads},
          {"generates", generates},      {"inputs", inputs.string()},
          {"outputs", outputs.string()}, {"prompt", prompt},
          {"decoded", decoded},          {"decode_prompt", decode_prompt}};
}

Task read_task(const nlohmann::json& document) {
  return {.model = document.at("model").get<std::string>(),
          .threads = document.at("threads"),
          .generates = document.at("generates"),
          .inputs = document.at("inputs").get<std::string>(),
          .outputs = document.at("outputs").get<std::string>(),
          .prompt = document.at("prompt"),
          .decoded = document.at("decoded")};
}

TensorMap made_inputs(const Graph& graph, const Bindings& bindings, std::int64_t index_bound) {
  TensorMap inputs;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::input) continue;
    inputs.emplace(node.name,
                   make(node.outputs.front(), bindings, std::max<std::int64_t>(index_bound, 2)));
  }
  return inputs;
}

}  // namespace paceline::bench
