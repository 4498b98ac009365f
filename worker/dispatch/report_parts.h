#pragma once

#include <vector>

#include "common/graph/plan.h"
#include "scheduler/report/path_report.h"
#include "worker/dispatch/dispatch.h"

namespace paceline {

// Parts of path_report.
report::Memory memory_of(const Plan& plan, const Bindings& bindings);
report::SearchReport search_of(const SearchAccount& account);
// The rows of paths that were timed whole, as they are ordered.
std::vector<report::Rival> finalists_of(const Dispatched& dispatched);

}  // namespace paceline
