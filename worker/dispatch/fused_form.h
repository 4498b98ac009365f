#pragma once

#include <optional>
#include <vector>

#include "scheduler/paths/pricing.h"
#include "worker/dispatch/path_finder.h"

namespace paceline {

// The path with groups of its nodes as one generated kernel each, where that is cheaper by what the
// dispatcher knows: one more finalist. Where rules are known by node, those of a fused node are all
// that its nodes had, and "fuse". nullopt when nothing is gained.
std::optional<FoundPath> fused_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                    const OpSet& ops, const Bindings& bindings,
                                    paths::PricingOptions::Guesses guesses);

// The same with the steps of a decoder's layer as one node each (scheduler/fusion/steps.h), by the
// name "in-one-step".
std::optional<FoundPath> steps_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                    const OpSet& ops, const Bindings& bindings,
                                    paths::PricingOptions::Guesses guesses);

// What the steps of a prepared graph are timed as, all that may be worth it by what is known: that
// nobody measured yet is no reason against it.
std::vector<Workload> steps_to_measure(const Graph& graph, GraphDispatcher& dispatcher,
                                       const OpSet& ops, const Bindings& bindings);

}  // namespace paceline
