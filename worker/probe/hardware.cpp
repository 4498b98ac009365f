#include "worker/probe/hardware.h"

#include "common/base/error.h"

namespace paceline::probe {

HardwareTopology load_hardware_topology() {
  HardwareTopology topology;
  if (hwloc_topology_init(topology.out()) != 0) throw unavailable("hwloc does not start");
  if (hwloc_topology_load(topology.get()) != 0) {
    throw unavailable("hwloc cannot read the topology of this machine");
  }
  return topology;
}

int object_count(const HardwareTopology& topology, hwloc_obj_type_t type) {
  return hwloc_get_nbobjs_by_type(topology.get(), type);
}

void for_each_object(const HardwareTopology& topology, hwloc_obj_type_t type,
                     const std::function<void(hwloc_obj_t)>& visit) {
  for (int i = 0; i < object_count(topology, type); ++i) {
    visit(hwloc_get_obj_by_type(topology.get(), type, i));
  }
}

}  // namespace paceline::probe
