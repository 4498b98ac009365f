#pragma once

#include <cstdint>

#include "common/graph/path.h"
#include "kernels/kernel.h"

namespace paceline::test {

// The graph with a kernel for each op that is no view: for one on cuda:0 with that probability,
// when some kernel there takes it under these bindings, else the CPU's plain one.
Path device_path(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels,
                 const Bindings& bindings, double on_cuda, std::uint64_t seed);

}  // namespace paceline::test
