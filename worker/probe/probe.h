#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/graph/machine.h"

namespace paceline {

// Reads what this machine is made of from /proc, /sys, hwloc and, for GPUs, the driver and NVML
// (worker/probe/gpus.h). What cannot be read is "unavailable". Takes milliseconds, and what the
// driver needs to start; any thread.
Machine probe_machine();
Environment probe_environment(int threads);

// The hardware threads that this process may use, by its cgroup and its affinity, in the order in
// which threads should take them (worker/probe/cpu_choice.h).
std::vector<int> usable_cpus();
// Those of them that a pool of `threads` should keep to.
std::vector<int> cpus_for_pool(int threads);

// What one measurement needs to know of the topology.
struct Topology {
  std::vector<int> cpus;  // As usable_cpus().
  std::int64_t last_level_cache_bytes = 0;  // 0: unavailable.
  std::int64_t largest_private_cache_bytes = 0;
};
Topology probe_topology();

std::string host_name();
std::int64_t available_memory_bytes();  // Throws `unavailable` without /proc/meminfo.

}  // namespace paceline
