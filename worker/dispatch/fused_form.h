#pragma once

#include <optional>

#include "scheduler/paths/pricing.h"
#include "worker/dispatch/path_finder.h"

namespace paceline {

// The path with groups of its nodes as one generated kernel each, where that is cheaper by what the
// dispatcher knows: one more finalist. Where rules are known by node, those of a fused node are all
// that its nodes had, and "fuse". nullopt when nothing is gained.
std::optional<FoundPath> fused_form(const FoundPath& path, GraphDispatcher& dispatcher,
                                    const OpSet& ops, const Bindings& bindings,
                                    paths::PricingOptions::Guesses guesses);

}  // namespace paceline
