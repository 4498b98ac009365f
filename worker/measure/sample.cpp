#include "worker/measure/sample.h"

#include <cstdint>
#include <filesystem>

#include <fmt/format.h>
#include <time.h>

#include "common/base/time.h"
#include "worker/probe/text_files.h"

namespace paceline {
namespace {

// Reading the clocks takes about a microsecond, which is no absence.
constexpr double absence_fraction_max = 0.03;
constexpr double absence_s_min = 5e-6;

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// How long the threads of this process, all together, were ready to run and did not: the second
// figure of each schedstat (Linux, Documentation/scheduler/sched-stats).
double waiting_seconds() {
  double waited_ns = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const auto line = probe::first_line(task.path() / "schedstat");
    const auto words = probe::split_words(line.value_or(""));
    if (words.size() >= 2) waited_ns += std::stod(words[1]);
  }
  return 1e-9 * waited_ns;
}

bool is_noticeable(double absent_s, double wall_s) {
  return absent_s > absence_s_min && absent_s > absence_fraction_max * wall_s;
}

}  // namespace

TimedSample time_sample(const std::function<void()>& run, int threads) {
  const double waited_before_s = waiting_seconds();
  const double cpu_before_s = thread_cpu_seconds();
  const std::int64_t start_ns = monotonic_ns();
  run();
  const double wall_s = 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
  const double off_core_s = wall_s - (thread_cpu_seconds() - cpu_before_s);
  const double waited_s = (waiting_seconds() - waited_before_s) / threads;
  if (is_noticeable(waited_s, wall_s)) {
    return {wall_s, fmt::format("waited {:.0f} us for a core", 1e6 * waited_s)};
  }
  if (threads == 1 && is_noticeable(off_core_s, wall_s)) {
    return {wall_s, fmt::format("off its core for {:.0f} us", 1e6 * off_core_s)};
  }
  return {wall_s, {}};
}

}  // namespace paceline
