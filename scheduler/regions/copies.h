#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/regions/flow.h"

namespace paceline::regions {

// `node` and all that it reads, when each region that reads it should compute them itself: because
// they rest on weights and constants alone, or because they are few, light and half of a pattern (a
// mask, or a table that atomic ops read). nullopt: one region computes it, and it is an input of
// the others.
std::optional<std::vector<std::int32_t>> copied_cone(const Flow& flow, std::int32_t node,
                                                     int copied_max);

}  // namespace paceline::regions
