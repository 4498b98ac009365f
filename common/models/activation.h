#pragma once

#include <string_view>

#include "common/graph/graph.h"

namespace paceline {

// The activation functions of configurations (`hidden_act`) by the names that transformers uses.
// Throws `invalid`, listing the known names, for any other.
void check_activation(std::string_view name);
Value activation(std::string_view name, const Value& x);
// activation(gate) * up
Value gated_activation(std::string_view name, const Value& gate, const Value& up);
// The name by which the ops `gated_activation` and `expert_mlp` know it; throws `unsupported` when
// they do not.
std::string_view gate_of(std::string_view name);

}  // namespace paceline
