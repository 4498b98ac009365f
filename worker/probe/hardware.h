#pragma once

#include <functional>

#include <hwloc.h>

#include "common/base/unique_handle.h"

namespace paceline::probe {

// The topology that this process's cgroup allows; its affinity does not count. Throws
// `unavailable` when hwloc cannot read it.
using HardwareTopology = UniqueHandle<hwloc_topology_t, hwloc_topology_destroy>;
HardwareTopology load_hardware_topology();

int object_count(const HardwareTopology& topology, hwloc_obj_type_t type);
void for_each_object(const HardwareTopology& topology, hwloc_obj_type_t type,
                     const std::function<void(hwloc_obj_t)>& visit);

}  // namespace paceline::probe
