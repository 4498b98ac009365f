#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/graph/machine.h"

namespace paceline {

// The GPUs of this machine in CUDA's order, as the driver and NVML tell; empty without a driver.
// What cannot be read is "unavailable" or 0. No context is made. Any thread; asked once a process.
const std::vector<Machine::Gpu>& probe_gpus();
// "580.159.04"; empty without a driver.
std::string probe_cuda_driver();

// "00000000:0a:00.0" or as the driver writes it, in small letters: the same in every process of the
// host, whatever CUDA_VISIBLE_DEVICES says. Throws `unsupported` for an index that is not here.
std::string gpu_bus_id(int device);

// What a GPU does at the moment.
struct GpuActivity {
  std::optional<double> clock_mhz;            // Of the multiprocessors.
  std::vector<std::string> throttle_reasons;  // Why the clock is below what it could be.
  bool is_hindered = false;  // By heat or a power brake: what is measured now says little.
  std::optional<double> watts;
  std::optional<double> celsius;
  int foreign_processes = 0;  // That have a context on it, idle or not.
  int foreign_percent = 0;    // The most that its multiprocessors worked for one of them of late.
};
// By NVML, of the GPU of that index in CUDA's order, foreign work since a time of the system's
// clock; nullopt without NVML. A millisecond.
std::optional<GpuActivity> gpu_activity(int device, std::int64_t since_unix_us);
// The share of the last second or less in which anything ran on it, in percent, whosever it was, by
// NVML; nullopt where NVML does not tell.
std::optional<unsigned> gpu_busy_percent(int device);
// An activity as one line for Measurement::Conditions::throttle: "none; 412 W; 61 C; 0 others".
std::string to_string(const GpuActivity& activity);

}  // namespace paceline
