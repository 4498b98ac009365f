#pragma once

#include <string_view>

#include "common/graph/graph.h"

// The activation functions that several composite ops know by name: "relu", "sigmoid", "silu",
// "gelu", "gelu_tanh".
namespace paceline::ops {

using ScalarFunction = double (*)(double);
ScalarFunction activation_function(std::string_view name);  // Throws `invalid` and lists the names.
Value activate(std::string_view name, const Value& x);

}  // namespace paceline::ops
