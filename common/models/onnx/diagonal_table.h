#pragma once

#include <cstdint>
#include <optional>

#include "common/graph/graph.h"

namespace paceline::onnx {

// A table [.., rows, columns] of two values, parted by a diagonal that every matrix of it shares,
// as exporters write causal masks: what is known of it by position is worth more than its elements.
struct DiagonalTable {
  std::int64_t last;      // Of a column less its row, where the table holds `within`.
  Tensor within, beyond;  // Rank 0.
};

// nullopt for any other table, soon: a model's weights pass by here.
std::optional<DiagonalTable> diagonal_table(const Tensor& table);

// The table of these extents, made of its positions when it is run.
Value value_of(GraphBuilder& builder, const DiagonalTable& table, const Extents& extents);

}  // namespace paceline::onnx
