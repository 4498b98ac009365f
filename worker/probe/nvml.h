#pragma once

#include <cstdint>

namespace paceline::probe {

// What is used of NVML (libnvidia-ml.so.1), which has no header where only a driver is: declared
// here as in NVIDIA's nvml.h, API version 12 and later. Functions return 0 for success.
struct NvmlDevice;

struct NvmlMemory {
  unsigned long long total = 0, free = 0, used = 0;
};

struct NvmlProcess {  // nvmlProcessInfo_t of the *_v3 functions.
  unsigned pid = 0;
  unsigned long long used_bytes = 0;
  unsigned gpu_instance = 0, compute_instance = 0;
};

struct NvmlProcessUse {  // nvmlProcessUtilizationSample_t.
  unsigned pid = 0;
  unsigned long long time_us = 0;
  unsigned multiprocessors_percent = 0, memory_percent = 0, encoder_percent = 0,
           decoder_percent = 0;
};

struct NvmlUse {  // nvmlUtilization_t: percent of the time of late in which anything ran.
  unsigned gpu = 0, memory = 0;
};

// Null members: this driver's NVML lacks the function.
struct Nvml {
  int (*init)() = nullptr;
  int (*driver_version)(char* text, unsigned length) = nullptr;
  int (*device_by_bus_id)(const char* bus_id, NvmlDevice** device) = nullptr;
  int (*enforced_power_limit)(NvmlDevice*, unsigned* milliwatts) = nullptr;
  int (*ecc_mode)(NvmlDevice*, unsigned* current, unsigned* pending) = nullptr;
  int (*max_pcie_generation)(NvmlDevice*, unsigned*) = nullptr;
  int (*max_pcie_width)(NvmlDevice*, unsigned*) = nullptr;
  int (*link_state)(NvmlDevice*, unsigned link, unsigned* is_active) = nullptr;
  int (*link_version)(NvmlDevice*, unsigned link, unsigned* version) = nullptr;
  int (*clock)(NvmlDevice*, unsigned kind, unsigned* mhz) = nullptr;
  int (*clock_reasons)(NvmlDevice*, unsigned long long* reasons) = nullptr;
  int (*power_usage)(NvmlDevice*, unsigned* milliwatts) = nullptr;
  int (*use)(NvmlDevice*, NvmlUse*) = nullptr;
  int (*temperature)(NvmlDevice*, unsigned sensor, unsigned* celsius) = nullptr;
  int (*processes)(NvmlDevice*, unsigned* count, NvmlProcess*) = nullptr;
  int (*process_use)(NvmlDevice*, NvmlProcessUse*, unsigned* count,
                     unsigned long long since_us) = nullptr;
};

inline constexpr unsigned nvml_clock_sm = 1;
inline constexpr unsigned nvml_links_max = 18;

// Null without NVML. Initialised once; any thread.
const Nvml* nvml();

}  // namespace paceline::probe
