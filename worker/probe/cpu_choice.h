#pragma once

#include <vector>

#include <hwloc.h>

namespace paceline::probe {

struct HardwareThread {
  int cpu = -1;        // The system's number.
  int core = 0;        // Those of one core have the same.
  int node = 0;        // NUMA node.
  int efficiency = 0;  // Of the core's kind, as hwloc orders them: performance cores have more.
};

std::vector<HardwareThread> hardware_threads(hwloc_topology_t topology);

// In the order in which threads should take them: one of each core before the second of any,
// performance cores before others, and the cores of one NUMA node before those of the next, the
// node that has most of them first.
std::vector<HardwareThread> best_first(std::vector<HardwareThread> usable);

// Where a pool of `threads` may run: on the best, and on what is as good as one of these, so that
// several programs on one machine do not all keep to its first cores. Spreading threads over these
// is left to the system. All of `usable`, which is ordered best first, when there are no more.
std::vector<int> pool_cpus(const std::vector<HardwareThread>& usable, int threads);

}  // namespace paceline::probe
