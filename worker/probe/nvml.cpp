#include "worker/probe/nvml.h"

#include <dlfcn.h>

namespace paceline::probe {
namespace {

template <typename Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
}

const Nvml* load() {
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  static Nvml found;
  find(library, "nvmlInit_v2", found.init);
  find(library, "nvmlSystemGetDriverVersion", found.driver_version);
  find(library, "nvmlDeviceGetHandleByPciBusId_v2", found.device_by_bus_id);
  find(library, "nvmlDeviceGetEnforcedPowerLimit", found.enforced_power_limit);
  find(library, "nvmlDeviceGetEccMode", found.ecc_mode);
  find(library, "nvmlDeviceGetMaxPcieLinkGeneration", found.max_pcie_generation);
  find(library, "nvmlDeviceGetMaxPcieLinkWidth", found.max_pcie_width);
  find(library, "nvmlDeviceGetNvLinkState", found.link_state);
  find(library, "nvmlDeviceGetNvLinkVersion", found.link_version);
  find(library, "nvmlDeviceGetClockInfo", found.clock);
  find(library, "nvmlDeviceGetCurrentClocksEventReasons", found.clock_reasons);
  if (found.clock_reasons == nullptr) {
    find(library, "nvmlDeviceGetCurrentClocksThrottleReasons", found.clock_reasons);
  }
  find(library, "nvmlDeviceGetPowerUsage", found.power_usage);
  find(library, "nvmlDeviceGetUtilizationRates", found.use);
  find(library, "nvmlDeviceGetTemperature", found.temperature);
  find(library, "nvmlDeviceGetComputeRunningProcesses_v3", found.processes);
  find(library, "nvmlDeviceGetProcessUtilization", found.process_use);
  if (found.init == nullptr || found.device_by_bus_id == nullptr || found.init() != 0) {
    return nullptr;
  }
  return &found;
}

}  // namespace

const Nvml* nvml() {
  static const Nvml* const one = load();
  return one;
}

}  // namespace paceline::probe
