#include "worker/probe/cpu_choice.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace paceline::probe {

namespace {

int node_of(hwloc_topology_t topology, unsigned cpu) {
  for (hwloc_obj_t node = nullptr;
       (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    if (hwloc_bitmap_isset(node->cpuset, cpu)) return static_cast<int>(node->logical_index);
  }
  return 0;
}

// 0 where hwloc does not know it: all are alike.
int efficiency_of(hwloc_topology_t topology, hwloc_const_bitmap_t cpu) {
  const int kind = hwloc_cpukinds_get_by_cpuset(topology, cpu, 0);
  int efficiency = -1;
  if (kind >= 0) {
    hwloc_cpukinds_get_info(topology, static_cast<unsigned>(kind), nullptr, &efficiency, nullptr,
                            nullptr, 0);
  }
  return std::max(efficiency, 0);
}

// By hardware thread, which of its core it is.
std::vector<int> siblings_of(const std::vector<HardwareThread>& threads) {
  std::map<int, int> seen;
  std::vector<int> siblings;
  for (const HardwareThread& thread : threads) siblings.push_back(seen[thread.core]++);
  return siblings;
}

}  // namespace

std::vector<HardwareThread> hardware_threads(hwloc_topology_t topology) {
  std::vector<HardwareThread> threads;
  for (hwloc_obj_t unit = nullptr;
       (unit = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, unit)) != nullptr;) {
    const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, unit);
    threads.push_back({.cpu = static_cast<int>(unit->os_index),
                       .core = static_cast<int>((core != nullptr ? core : unit)->logical_index),
                       .node = node_of(topology, unit->os_index),
                       .efficiency = efficiency_of(topology, unit->cpuset)});
  }
  return threads;
}

std::vector<HardwareThread> best_first(std::vector<HardwareThread> usable) {
  const std::vector<int> siblings = siblings_of(usable);
  std::map<std::pair<int, int>, int> cores;  // By node and efficiency.
  for (std::size_t i = 0; i < usable.size(); ++i) {
    if (siblings[i] == 0) ++cores[{usable[i].node, usable[i].efficiency}];
  }
  using Rank = std::tuple<int, int, int, int, int>;
  std::vector<std::pair<Rank, HardwareThread>> ranked;
  for (std::size_t i = 0; i < usable.size(); ++i) {
    const auto& [cpu, core, node, efficiency] = usable[i];
    ranked.push_back(
        {{siblings[i], -efficiency, -cores[{node, efficiency}], node, core}, usable[i]});
  }
  std::ranges::stable_sort(ranked, {}, &std::pair<Rank, HardwareThread>::first);
  std::vector<HardwareThread> best;
  for (const auto& [rank, thread] : ranked) best.push_back(thread);
  return best;
}

std::vector<int> pool_cpus(const std::vector<HardwareThread>& usable, int threads) {
  // A thread alone shares its core with nobody of its pool.
  const std::vector<int> siblings =
      threads > 1 ? siblings_of(usable) : std::vector<int>(usable.size());
  std::set<std::tuple<int, int, int>> places;
  const auto place = [&](std::size_t i) {
    return std::tuple(siblings[i], usable[i].efficiency, usable[i].node);
  };
  const std::size_t taken = std::min<std::size_t>(std::max(threads, 0), usable.size());
  for (std::size_t i = 0; i < taken; ++i) places.insert(place(i));
  std::vector<int> cpus;
  for (std::size_t i = 0; i < usable.size(); ++i) {
    if (places.contains(place(i))) cpus.push_back(usable[i].cpu);
  }
  return cpus;
}

}  // namespace paceline::probe
