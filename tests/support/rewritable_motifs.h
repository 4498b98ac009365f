#pragma once

#include <vector>

#include "tests/support/rewritable_pool.h"

namespace paceline::test {

// Adds a few nodes and keeps their results. Throws `invalid` where its dice do not fit together.
using Motif = void (*)(Pool&);

std::vector<Motif> number_motifs();     // Elementwise arithmetic, comparisons, casts.
std::vector<Motif> movement_motifs();   // Moves of moves, of elementwise ops, of reductions.
std::vector<Motif> product_motifs();    // matmul and linear.
std::vector<Motif> composite_motifs();  // Composites, and their steps as exporters write them.
std::vector<Motif> attention_motifs();  // Masks, rope, attention and its steps.

}  // namespace paceline::test
