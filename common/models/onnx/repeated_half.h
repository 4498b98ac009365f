#pragma once

#include <optional>

#include "common/graph/tensor.h"

namespace paceline::onnx {

// Of a table of floats [.., 2h] whose rows hold the same h numbers twice, as exporters write the
// angles of rotary positions: those numbers [.., h]. nullopt for any other table, soon: a model's
// weights pass by here; and for one number throughout.
std::optional<Tensor> repeated_half(const Tensor& table);

}  // namespace paceline::onnx
