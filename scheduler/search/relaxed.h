#pragma once

#include <optional>

#include "scheduler/search/bound.h"
#include "scheduler/search/diagram.h"

namespace paceline::search {

// A bound from the diagram of a coarser problem: classes that an option with one child and at most
// `merged_max_s` links become one, which takes the options of all and drops those within it. Each
// path maps to one there that costs no more, and what each option costs at least follows from the
// cheapest path there that takes it. Stronger than the dual where rivals read through different
// classes.
//
// Leaves `best` empty. nullopt when the coarser diagram outgrows the limits.
std::optional<Bound> relaxed_bound(const Problem& problem, double merged_max_s,
                                   const Limits& limits);

// The dual, made stronger by coarser diagrams as far as the limits allow.
Bound strong_bound(const Problem& problem, int rounds, const Limits& limits);

// What remains when options go that only paths dearer than `target_s` take; `bound` is the
// problem's. What is left is bounded and cut again while that helps. nullopt when no path is left.
std::optional<Problem> cut_to(const Problem& problem, const Bound& bound, double target_s,
                              const Limits& limits);

}  // namespace paceline::search
