#pragma once

#include <cstdint>
#include <vector>

#include "common/graph/graph.h"

namespace paceline {

// Which op nodes do the same work on other operands: their op, attributes and the types of what
// they read and give are equal. By node, the first node of its form; -1 for what is no op. Layers
// repeat, so whoever asks something of each form asks little. Takes well below a microsecond a
// node.
std::vector<std::int32_t> first_of_form(const Graph& graph);

}  // namespace paceline
