#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/graph/graph.h"
#include "common/models/onnx/term.h"

namespace paceline::onnx {

// No value of a folded graph has more elements: shapes are small, and what is large belongs into
// the run.
inline constexpr std::int64_t folded_count_max = 4096;

// The outputs of a graph of constants and of iotas, by the ops' references and, where elements are
// polynomials, by the arithmetic of polynomials: so that chains of Shape, Gather, Mul, Concat and
// Reshape stay shapes. nullopt when some value cannot be known.
std::optional<std::vector<Known>> fold(const Graph& graph, const OpSet& ops);

// -1, 0, 1 when the sign is the same for all values of the symbols: shape arithmetic asks whether
// an extent is -1.
std::optional<int> sign_of(const Dim& dim);

}  // namespace paceline::onnx
