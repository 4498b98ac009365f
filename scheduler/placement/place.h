#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "common/graph/device.h"
#include "common/graph/graph.h"
#include "common/graph/shape.h"

namespace paceline::placement {

// What a node takes on each kind of device; nullopt: no kernel there.
struct NodeTimes {
  std::optional<double> cpu_s, cuda_s;
};

// Seconds that a value of so many bytes takes to the CPU or to the GPU.
using TransferTime = std::function<double(std::int64_t bytes, DeviceKind to)>;

// Where nobody measured: 25 GB/s, what a x16 link of the fourth generation carries at least, and
// 10 us for the two sides to wait for each other.
double guessed_transfer_s(std::int64_t bytes);

struct Placement {
  std::vector<DeviceKind> kinds;  // By node; of op nodes that are no views.
  double seconds = 0;             // Of nodes and transfers together.
  double transfer_s = 0;          // Of transfers.
};

// The assignment of op nodes to the CPU and a GPU that takes the least time in all, exactly, as one
// step runs after the other: a minimum cut. As in plans (worker/compile), a value crosses whole and
// once in a direction, whatever views its readers take of it; inputs and outputs are on the CPU;
// weights, and what depends on them alone, are where they are wanted for nothing; a state is where
// it is updated. Where both sides cost the same, a node is on the GPU. `times` are by node; those
// of views, of sources and of static nodes do not count, but static nodes are only where they have
// a time. Throws `unsupported` naming a node without any.
Placement place(const Graph& graph, const OpSet& ops, const Bindings& bindings,
                std::span<const NodeTimes> times, const TransferTime& transfer_s);

}  // namespace paceline::placement
