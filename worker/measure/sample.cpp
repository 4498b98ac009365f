#include "worker/measure/sample.h"

#include <cstdint>

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include "common/base/time.h"

namespace paceline {
namespace {

// Reading the clocks takes about a microsecond, which is no absence.
constexpr double absence_fraction_max = 0.03;
constexpr double absence_s_min = 5e-6;
// What a quiet machine's housekeeping does to a core.
constexpr double switches_per_second_max = 50;

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::int64_t involuntary_switches() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

std::string absence(double wall_s, double cpu_s) {
  const double away_s = wall_s - cpu_s;
  if (away_s < absence_s_min || away_s < absence_fraction_max * wall_s) return {};
  return fmt::format("off its core for {:.0f} us: preempted or stolen", 1e6 * away_s);
}

std::string preemptions(double wall_s, int threads, std::int64_t switches) {
  if (static_cast<double>(switches) <= switches_per_second_max * wall_s * threads) return {};
  return fmt::format("preempted {} times", switches);
}

}  // namespace

TimedSample time_sample(const std::function<void()>& run, int threads) {
  const std::int64_t switches_before = involuntary_switches();
  const double cpu_before_s = thread_cpu_seconds();
  const std::int64_t start_ns = monotonic_ns();
  run();
  const double wall_s = 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
  const double cpu_s = thread_cpu_seconds() - cpu_before_s;
  const std::int64_t switches = involuntary_switches() - switches_before;
  return {wall_s, threads == 1 ? absence(wall_s, cpu_s) : preemptions(wall_s, threads, switches)};
}

}  // namespace paceline
