#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/fusion/fuse.h"

namespace paceline::fusion {

// Heads that kernels in one launch are made for.
inline constexpr std::int64_t launched_head_widths[] = {64, 128};

// Groups of what is a decoder's layer from its input to its output, for the op `decoder_layer`:
// six steps as find_steps() finds them, and attention over the rows that the states have then. Each
// only where nothing but outputs of the op is read by others, and where these bindings make it one
// token of one sequence with heads of those widths. No node is in two.
std::vector<Group> find_layers(const Graph& graph, const OpSet& ops, const Bindings& bindings,
                               std::span<const std::int64_t> head_widths = launched_head_widths);

}  // namespace paceline::fusion
