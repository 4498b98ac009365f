#include "scheduler/passes/fold_node.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/graph/graph.h"
#include "common/graph/reference.h"

namespace paceline {

std::optional<std::vector<Tensor>> fold_node(const Op& op, std::span<const Tensor> inputs,
                                             const Attributes& attributes,
                                             std::span<const TensorType> outputs,
                                             std::int64_t elements_max) {
  if (!op.facts.deterministic || op.facts.collective) return std::nullopt;
  if (!symbols_of(attributes).empty()) return std::nullopt;
  const auto is_small = [&](const TensorType& type) {
    const auto count = element_count(type.shape).constant();
    return count && *count <= elements_max;
  };
  if (!std::all_of(outputs.begin(), outputs.end(), is_small)) return std::nullopt;
  try {
    std::vector<Tensor> results = evaluate_reference(op, inputs, attributes, outputs);
    for (std::size_t i = 0; i < results.size(); ++i) {
      results[i] = results[i].cast(outputs[i].dtype);
    }
    return results;
  } catch (const Error& error) {
    log::debug("not-folded", {{"op", op.name}, {"cause", error.what()}});
    return std::nullopt;
  }
}

}  // namespace paceline
