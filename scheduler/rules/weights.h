#pragma once

#include "scheduler/egraph/egraph.h"

namespace paceline::rules {

// A weight as it is bound, or a part or transpose of one: not what rules made of several. Rules
// that change weights start from these, so that changes do not pile up.
bool is_bound(const egraph::EGraph& graph, egraph::ClassId id);

}  // namespace paceline::rules
