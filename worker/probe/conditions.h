#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/time.h"

namespace paceline {

// What else goes on on this machine, sampled from /proc; differences of two samples say how busy
// others were in between.
struct ActivitySample {
  std::int64_t time_ns = 0;  // Monotonic.
  double busy_s = 0;         // CPU seconds of all processes.
  double own_s = 0;          // Of this process.
  double stolen_s = 0;       // By the hypervisor.
  int hardware_threads = 0;
};
ActivitySample sample_activity();

double foreign_cores(const ActivitySample& from, const ActivitySample& to);
double steal_fraction(const ActivitySample& from, const ActivitySample& to);

// The mean clock of all cores; nullopt where there is no cpufreq (virtual machines report a
// constant, which says nothing).
std::optional<double> clock_mhz();
// "none", "unavailable", or "throttled N times" since boot, by the kernel's counters.
std::string throttle_reasons();

}  // namespace paceline
