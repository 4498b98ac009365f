#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/graph/op.h"

namespace paceline {

// The outputs of an op whose inputs are known, rounded to the types' own dtypes, as a run would
// give them. Inputs are in reference dtypes (see to_reference). nullopt when the op or its
// attributes have no fixed result, when an output has more elements than `elements_max`, or when
// the reference refuses the inputs.
std::optional<std::vector<Tensor>> fold_node(const Op& op, std::span<const Tensor> inputs,
                                             const Attributes& attributes,
                                             std::span<const TensorType> outputs,
                                             std::int64_t elements_max);

}  // namespace paceline
