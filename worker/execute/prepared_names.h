#pragma once

#include <optional>
#include <span>
#include <vector>

#include "common/base/digest.h"
#include "common/graph/plan.h"
#include "kernels/kernel.h"
#include "worker/execute/sources.h"

namespace paceline {

// What each prepared buffer of a plan is computed from, and how, by Plan::prepared: buffers of one
// name hold the same bytes.

// Among sessions over one set of weights, which their names tell apart.
std::vector<Digest> names_among_sessions(const Plan& plan);

// Among programs: by kernels as they are compiled and by the weights' files, or their elements
// where these are few. nullopt for what depends on large weights of no file.
std::vector<std::optional<Digest>> names_among_programs(const Plan& plan, const Sources& sources,
                                                        std::span<const Kernel> kernels);

}  // namespace paceline
