#include "worker/probe/gpus.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/base/error.h"
#include "worker/probe/nvml.h"

namespace paceline {
namespace {

using probe::Nvml;
using probe::NvmlDevice;

// What is used of the driver's own interface (libcuda.so.1), as in NVIDIA's cuda.h.
struct Driver {
  int (*init)(unsigned flags) = nullptr;
  int (*count)(int*) = nullptr;
  int (*name)(char* text, int length, int device) = nullptr;
  int (*attribute)(int* value, int attribute, int device) = nullptr;
  int (*memory)(std::size_t* bytes, int device) = nullptr;
  int (*bus_id)(char* text, int length, int device) = nullptr;
};
constexpr int multiprocessors = 16, l2_bytes = 38, major = 75, minor = 76;

template <typename Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  return function != nullptr;
}

// Null without a driver that starts.
const Driver* load_driver() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  static Driver found;
  const bool whole = find(library, "cuInit", found.init) &&
                     find(library, "cuDeviceGetCount", found.count) &&
                     find(library, "cuDeviceGetName", found.name) &&
                     find(library, "cuDeviceGetAttribute", found.attribute) &&
                     find(library, "cuDeviceTotalMem_v2", found.memory) &&
                     find(library, "cuDeviceGetPCIBusId", found.bus_id);
  if (!whole || found.init(0) != 0) return nullptr;
  return &found;
}

const Driver* driver() {
  static const Driver* const one = load_driver();
  return one;
}

int attribute(int which, int device) {
  int value = 0;
  driver()->attribute(&value, which, device);
  return value;
}

std::string bus_id(int device) {
  char text[32] = {};
  driver()->bus_id(text, sizeof text, device);
  return text;
}

// Null where NVML is not or does not know it.
NvmlDevice* nvml_device(int device) {
  const Nvml* nvml = probe::nvml();
  NvmlDevice* found = nullptr;
  if (nvml == nullptr || nvml->device_by_bus_id(bus_id(device).c_str(), &found) != 0) {
    return nullptr;
  }
  return found;
}

// One number of a device; nullopt when NVML lacks or refuses it.
std::optional<unsigned> ask(int (*function)(NvmlDevice*, unsigned*), NvmlDevice* device) {
  unsigned value = 0;
  if (function == nullptr || function(device, &value) != 0) return std::nullopt;
  return value;
}

std::string ecc_of(NvmlDevice* device) {
  const Nvml* nvml = probe::nvml();
  unsigned current = 0, pending = 0;
  if (nvml->ecc_mode == nullptr || nvml->ecc_mode(device, &current, &pending) != 0) {
    return "unavailable";
  }
  return current != 0 ? "on" : "off";
}

std::string link_of(NvmlDevice* device) {
  const Nvml* nvml = probe::nvml();
  unsigned links = 0;
  unsigned version = 0;  // NVML numbers NVLink 4.0 as 7 on Hopper: its own code, kept as it is.
  for (unsigned link = 0; nvml->link_state != nullptr && link < probe::nvml_links_max; ++link) {
    unsigned is_active = 0;
    if (nvml->link_state(device, link, &is_active) == 0 && is_active != 0) ++links;
  }
  if (links > 0 && nvml->link_version != nullptr && nvml->link_version(device, 0, &version) == 0) {
    return fmt::format("nvlink{}x{}", version, links);
  }
  const auto generation = ask(nvml->max_pcie_generation, device);
  const auto width = ask(nvml->max_pcie_width, device);
  if (!generation || !width) return "unavailable";
  return fmt::format("pcie{}x{}", *generation, *width);
}

std::vector<Machine::Gpu> find_gpus() {
  std::vector<Machine::Gpu> gpus;
  int count = 0;
  if (driver() == nullptr || driver()->count(&count) != 0) return gpus;
  for (int device = 0; device < count; ++device) {
    char name[128] = {};
    std::size_t bytes = 0;
    driver()->name(name, sizeof name, device);
    driver()->memory(&bytes, device);
    Machine::Gpu gpu{
        .model = name,
        .architecture = fmt::format("sm_{}{}", attribute(major, device), attribute(minor, device)),
        .multiprocessors = attribute(multiprocessors, device),
        .memory_bytes = static_cast<std::int64_t>(bytes),
        .l2_bytes = attribute(l2_bytes, device),
        .ecc = "unavailable",
        .link = "unavailable",
    };
    if (NvmlDevice* found = nvml_device(device)) {
      gpu.power_limit_watts =
          static_cast<int>(ask(probe::nvml()->enforced_power_limit, found).value_or(0) / 1000);
      gpu.ecc = ecc_of(found);
      gpu.link = link_of(found);
    }
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

// nvmlClocksEventReasons: which keep a clock below its highest, and which of them are faults.
struct Reason {
  unsigned long long bit;
  const char* name;
  bool hinders;
};
constexpr std::array<Reason, 8> reasons = {{{0x2, "applications clocks", false},
                                            {0x4, "software power cap", false},
                                            {0x8, "hardware slowdown", true},
                                            {0x10, "sync boost", false},
                                            {0x20, "software thermal slowdown", true},
                                            {0x40, "hardware thermal slowdown", true},
                                            {0x80, "power brake", true},
                                            {0x100, "display clock", false}}};

int foreign_processes(NvmlDevice* device) {
  const Nvml* nvml = probe::nvml();
  if (nvml->processes == nullptr) return 0;
  std::array<probe::NvmlProcess, 64> found;
  auto count = static_cast<unsigned>(found.size());
  if (nvml->processes(device, &count, found.data()) != 0) return 0;
  int others = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (found[i].pid != static_cast<unsigned>(getpid())) ++others;
  }
  return others;
}

int foreign_percent(NvmlDevice* device, std::int64_t since_unix_us) {
  const Nvml* nvml = probe::nvml();
  if (nvml->process_use == nullptr) return 0;
  std::array<probe::NvmlProcessUse, 128> found;
  auto count = static_cast<unsigned>(found.size());
  if (nvml->process_use(device, found.data(), &count, since_unix_us) != 0) return 0;
  unsigned most = 0;
  for (unsigned i = 0; i < std::min<unsigned>(count, found.size()); ++i) {
    if (found[i].pid != static_cast<unsigned>(getpid())) {
      most = std::max(most, found[i].multiprocessors_percent);
    }
  }
  return static_cast<int>(most);
}

}  // namespace

const std::vector<Machine::Gpu>& probe_gpus() {
  static const std::vector<Machine::Gpu> gpus = find_gpus();
  return gpus;
}

std::string gpu_bus_id(int device) {
  const std::size_t count = probe_gpus().size();
  if (device < 0 || static_cast<std::size_t>(device) >= count) {
    throw unsupported("this machine shows {} GPUs: cuda:{}", count, device);
  }
  std::string id = bus_id(device);
  std::ranges::transform(id, id.begin(), [](unsigned char c) { return std::tolower(c); });
  return id;
}

std::string probe_cuda_driver() {
  const Nvml* nvml = probe::nvml();
  char text[80] = {};
  if (nvml == nullptr || nvml->driver_version == nullptr ||
      nvml->driver_version(text, sizeof text) != 0) {
    return {};
  }
  return text;
}

std::optional<GpuActivity> gpu_activity(int device, std::int64_t since_unix_us) {
  if (driver() == nullptr) return std::nullopt;
  NvmlDevice* found = nvml_device(device);
  if (found == nullptr) return std::nullopt;
  const Nvml* nvml = probe::nvml();
  GpuActivity activity;
  unsigned value = 0;
  unsigned long long bits = 0;
  if (nvml->clock != nullptr && nvml->clock(found, probe::nvml_clock_sm, &value) == 0) {
    activity.clock_mhz = value;
  }
  if (nvml->clock_reasons != nullptr && nvml->clock_reasons(found, &bits) == 0) {
    for (const Reason& reason : reasons) {
      if ((bits & reason.bit) == 0) continue;
      activity.throttle_reasons.emplace_back(reason.name);
      activity.is_hindered = activity.is_hindered || reason.hinders;
    }
  }
  if (const auto milliwatts = ask(nvml->power_usage, found)) activity.watts = *milliwatts * 1e-3;
  if (nvml->temperature != nullptr && nvml->temperature(found, 0, &value) == 0) {
    activity.celsius = value;
  }
  activity.foreign_processes = foreign_processes(found);
  activity.foreign_percent = foreign_percent(found, since_unix_us);
  return activity;
}

std::optional<unsigned> gpu_busy_percent(int device) {
  NvmlDevice* found = driver() == nullptr ? nullptr : nvml_device(device);
  probe::NvmlUse use;
  if (found == nullptr || probe::nvml()->use == nullptr || probe::nvml()->use(found, &use) != 0) {
    return std::nullopt;
  }
  return use.gpu;
}

std::string to_string(const GpuActivity& activity) {
  std::string text = activity.throttle_reasons.empty()
                         ? "none"
                         : fmt::format("{}", fmt::join(activity.throttle_reasons, ", "));
  if (activity.watts) text += fmt::format("; {:.0f} W", *activity.watts);
  if (activity.celsius) text += fmt::format("; {:.0f} C", *activity.celsius);
  return text + fmt::format("; {} others", activity.foreign_processes);
}

}  // namespace paceline
