#pragma once

#include <span>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/workload.h"
#include "scheduler/choose/choose.h"
#include "scheduler/cost/cost_source.h"
#include "scheduler/placement/place.h"

namespace paceline::placement {

// A value of so many bytes on its way, whatever it holds, as f64: what is timed of a link.
// Rounded up to a multiple of 128 bytes, and to the nearest size that links() covers.
Workload transfer_of(std::int64_t bytes, DeviceKind to);
// The curve of a link: 4 KiB to 1 GiB, each four times the one before, both ways.
std::vector<Workload> links();
// Of each value that may cross, both ways: what the store is asked for to price transfers.
std::vector<Workload> transfers_of(const Graph& graph, const OpSet& ops, const Bindings& bindings);

// What a transfer takes by measurements of links(), interpolated, and beyond the largest in
// proportion; with 5 us, since a copy is timed behind a queue that never stands still, and in a
// plan one side waits for the other. Without any by guessed_transfer_s(). Borrows all that it is
// given.
TransferTime transfer_time(std::span<const KernelInfo> kernels, CostSource& costs);

// As choose(), for kernels of the CPU and of a GPU: each node has the kernel that `chooser` decides
// on for the side that place() puts it on. Transfers count in predicted_s.
Decision choose_placed(const Graph& graph, const Bindings& bindings, const OpSet& ops,
                       const KernelChooser& chooser, OnMiss on_miss,
                       const TransferTime& transfer_s);

}  // namespace paceline::placement
