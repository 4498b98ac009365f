#pragma once

#include <string_view>
#include <vector>

#include "common/graph/device.h"
#include "common/store/store.h"
#include "kernels/kernel.h"
#include "worker/dispatch/dispatch.h"

namespace paceline {

// A machine whose rows the store has, to predict what a run there would choose: named by its model
// key, a part of that, or the first digits of its id. With the environment of its newest rows, of
// so many threads if there are any. Throws `invalid` listing the machines when none or several
// are meant, `unavailable` when it has no rows.
GraphDispatcher::Options::Elsewhere find_machine(Store& store, std::string_view name, int threads);

// What this program has for those devices of that machine, whatever this one has; and kernels that
// were timed there and are missing here, for want of their library say: these cannot run, and are
// not known to need memory of their own. Throws `unsupported` where there is none for a GPU.
std::vector<Kernel> kernels_for(Store& store, const Machine& machine, const DeviceSet& devices);

}  // namespace paceline
