#pragma once

#include <optional>

#include "scheduler/paths/pricing.h"
#include "worker/dispatch/path_finder.h"

namespace paceline {

// The path with channels in blocks where that is cheaper by what the dispatcher knows: one more
// finalist. Where rules are known by node, those of a node in blocks are its own and "in-blocks".
// nullopt when nothing is gained.
std::optional<FoundPath> blocked_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                      const OpSet& ops, const Bindings& bindings,
                                      paths::PricingOptions::Guesses guesses);

}  // namespace paceline
