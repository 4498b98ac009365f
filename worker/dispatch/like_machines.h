#pragma once

#include <vector>

#include "common/graph/machine.h"
#include "common/graph/path_measurement.h"
#include "common/store/store.h"

namespace paceline {

// Of all paths of a graph that were timed whole on a machine of the same model, or on this one
// under other software, with as many threads: an imported store's. Those of the machine and
// environment with the newest row, newest first, since times of one place compare.
std::vector<PathMeasurement> rows_of_like_machines(Store& store, GraphId graph,
                                                   const Machine& machine,
                                                   const Environment& environment);

}  // namespace paceline
