#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "common/graph/tensor.h"

namespace paceline::bench {

// One contestant's answer beside another's.
struct AnswerComparison {
  std::optional<TensorError> difference;     // The largest of all outputs that both have.
  std::optional<std::int64_t> tokens_alike;  // Before the first that differs; of generation.
  bool differs = false;
  std::string where;  // What differs: "y: 0.02 relative", "token 3 is 17, ours is 5".
};

// Compares by what both said when they were ready: "outputs", a file, or "tokens", a list. Whoever
// leaves out what we have, or gives an output another shape, has another answer; further outputs do
// not count. Outputs may differ by `relative_max`, tokens not at all.
AnswerComparison compare_answers(const nlohmann::json& theirs, const nlohmann::json& ours,
                                 double relative_max);

}  // namespace paceline::bench
