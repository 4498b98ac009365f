#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/id.h"
#include "common/base/time.h"
#include "common/graph/device.h"

namespace paceline {

// A fingerprint of hardware: what a timing depends on and no reboot changes. Two machines with the
// same parts have the same id. Values that cannot be read are "unavailable" or nullopt, never made up.
struct Machine {
  std::string cpu_model;
  std::string architecture;  // "x86_64"
  std::vector<std::string> isa;  // Sorted: "avx2", "avx512f", ...
  int cores = 0;             // Physical.
  int hardware_threads = 0;
  int numa_nodes = 0;
  struct Cache {
    int level = 0;
    std::int64_t bytes = 0;
    int shared_by = 0;  // Hardware threads.
    friend bool operator==(const Cache&, const Cache&) = default;
  };
  std::vector<Cache> caches;  // Data and unified, by level.
  std::int64_t memory_bytes = 0;  // Rounded to GiB.
  std::string hypervisor;         // "none", "kvm", "unavailable".
  struct Gpu {
    std::string model;
    std::string architecture;  // "sm_90"
    int multiprocessors = 0;
    std::int64_t memory_bytes = 0;
    std::int64_t l2_bytes = 0;
    int power_limit_watts = 0;
    std::string ecc;
    std::string link;  // "pcie5x16", "nvlink4x18"
    friend bool operator==(const Gpu&, const Gpu&) = default;
  };
  std::vector<Gpu> gpus;

  MachineId id() const;
  // Same model of CPU and GPUs, whatever memory or core count: "measured on the same model".
  std::string model_key() const;
};

// Calibrated peaks of a machine's processors of one kind: what the roofline predicts from.
struct Roofline {
  MachineId machine;
  DeviceKind device = DeviceKind::cpu;
  int threads = 1;               // 1 for a GPU, whose peaks do not depend on them.
  double flops_per_s = 0;        // Best measured f32 multiply-add rate, without tensor cores.
  double bytes_per_s = 0;        // Best measured DRAM rate: read; of a GPU, copied.
  double cache_bytes_per_s = 0;  // From the last-level cache.
  double call_s = 0;             // Cost of an empty call; of a GPU, in a captured graph.
  Time measured;
};

// Of one machine, by kind of device.
using Rooflines = std::map<DeviceKind, Roofline>;

// A fingerprint of the software that a timing depends on.
struct Environment {
  std::string os;        // "Debian GNU/Linux 12"
  std::string kernel;    // "6.1.0"
  std::string governor;  // "performance", "unavailable"
  std::string cuda_driver;  // Empty without GPU.
  int threads = 1;          // That kernels may use.
  std::map<std::string, std::string> settings;  // OMP, huge pages, ...: what else was set.

  EnvironmentId id() const;
};

}  // namespace paceline
