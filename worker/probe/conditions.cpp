#include "worker/probe/conditions.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include "common/base/error.h"
#include "worker/probe/text_files.h"

namespace paceline {
namespace {

double own_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double elapsed_seconds(const ActivitySample& from, const ActivitySample& to) {
  return 1e-9 * static_cast<double>(to.time_ns - from.time_ns);
}

template <typename Visit>
void for_each_cpu_folder(Visit visit) {
  for (int cpu = 0;; ++cpu) {
    const std::filesystem::path folder = fmt::format("/sys/devices/system/cpu/cpu{}", cpu);
    if (!std::filesystem::exists(folder)) return;
    visit(folder);
  }
}

}  // namespace

// The fields of /proc/stat: user nice system idle iowait irq softirq steal (proc(5)).
ActivitySample sample_activity() {
  const auto line = probe::first_line("/proc/stat");
  if (!line) throw unavailable("cannot read /proc/stat");
  const std::vector<std::string> words = probe::split_words(*line);
  check(words.size() > 8, "the fields of /proc/stat");
  const double seconds_per_tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto field = [&](int index) { return std::stod(words[index]) * seconds_per_tick; };
  return {.time_ns = monotonic_ns(),
          .busy_s = field(1) + field(2) + field(3) + field(6) + field(7),
          .own_s = own_cpu_seconds(),
          .stolen_s = field(8),
          .hardware_threads = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN))};
}

double foreign_cores(const ActivitySample& from, const ActivitySample& to) {
  const double elapsed_s = elapsed_seconds(from, to);
  if (elapsed_s <= 0) return 0;
  return std::max(0.0, (to.busy_s - from.busy_s - (to.own_s - from.own_s)) / elapsed_s);
}

double steal_fraction(const ActivitySample& from, const ActivitySample& to) {
  const double capacity_s = elapsed_seconds(from, to) * to.hardware_threads;
  if (capacity_s <= 0) return 0;
  return std::max(0.0, (to.stolen_s - from.stolen_s) / capacity_s);
}

std::optional<double> clock_mhz() {
  std::vector<double> clocks;
  for_each_cpu_folder([&](const std::filesystem::path& folder) {
    if (const auto khz = probe::first_line(folder / "cpufreq" / "scaling_cur_freq")) {
      clocks.push_back(std::stod(*khz) / 1000);
    }
  });
  if (clocks.empty()) return std::nullopt;
  return std::accumulate(clocks.begin(), clocks.end(), 0.0) / static_cast<double>(clocks.size());
}

std::string throttle_reasons() {
  std::int64_t count = 0;
  bool readable = false;
  for_each_cpu_folder([&](const std::filesystem::path& folder) {
    const auto times = probe::first_line(folder / "thermal_throttle" / "core_throttle_count");
    if (!times) return;
    readable = true;
    count += std::stoll(*times);
  });
  if (!readable) return "unavailable";
  return count == 0 ? "none" : fmt::format("throttled {} times", count);
}

}  // namespace paceline
