#include "worker/measure/gpu_watch.h"

#include <algorithm>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "common/base/time.h"
#include "kernels/cuda_module.h"
#include "worker/probe/gpus.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;

// A process that keeps the GPU busy has half of it; a pause of 0.3 ms now and then was seen beside
// one that only held a context.
constexpr double paused_share_max = 0.1;
// Several turns of contexts, which last a millisecond and more.
constexpr double watched_s = 10e-3;
// A desktop or a monitoring tool takes a few percent.
constexpr unsigned busy_percent_max = 30;
// What the driver tells of is at most a second old, so that a GPU which was used before and rests
// now does so by then.
constexpr int looks_max = 16;
constexpr auto between_looks = 100ms;
constexpr double told_s = 1.2;
constexpr double look_s = 0.2;

// Of this process, by device.
struct OwnUse {
  std::int64_t last_ns = 0;  // 0: none.
  bool is_shared = false;    // Another process was seen before the last sitting.
};
OwnUse& own_use(int device) {
  static std::map<int, OwnUse> uses;
  return uses[device];
}

std::int64_t unix_us() { return to_unix_ns(now()) / 1000; }
double seconds_since(std::int64_t ns) { return 1e-9 * static_cast<double>(monotonic_ns() - ns); }

}  // namespace

std::optional<std::string> foreign_work(const GpuUse& use) {
  if (use.paused_share > paused_share_max) {
    return fmt::format(
        "another process used the GPU: a kernel stood still for {:.0f} % of its time",
        1e2 * use.paused_share);
  }
  if (use.busy_percent.empty()) return std::nullopt;
  const unsigned least = *std::ranges::min_element(use.busy_percent);
  if (least <= busy_percent_max) return std::nullopt;
  return fmt::format("another process used the GPU: busy to {} % before anything was timed", least);
}

std::optional<std::string> foreign_work_on(int device) {
  kernels::DeviceRuntime* runtime = kernels::device_runtime();
  if (runtime == nullptr || device >= runtime->count()) return std::nullopt;
  return foreign_work({.paused_share = runtime->open_queue(device)->paused_share(watched_s)});
}

// What the driver reports of other processes covers up to a second before its time stamp.
GpuWatch::GpuWatch(kernels::DeviceQueue& queue, int device)
    : queue_(queue), device_(device), seen_unix_us_(unix_us() + 1'200'000) {
  look_before();
}

GpuWatch::~GpuWatch() { own_use(device_).last_ns = monotonic_ns(); }

// One that was seen is worth waiting for: the driver does not tell its work from ours.
void GpuWatch::look_before() {
  OwnUse& own = own_use(device_);
  const double rested_s = seconds_since(own.last_ns);
  if (own.last_ns != 0 && rested_s < told_s) {
    if (!own.is_shared) return;
    std::this_thread::sleep_for(std::chrono::duration<double>(told_s - rested_s));
  }
  GpuUse use;
  while (std::ssize(use.busy_percent) < looks_max) {
    const auto percent = gpu_busy_percent(device_);
    if (!percent) break;
    use.busy_percent.push_back(*percent);
    if (*percent <= busy_percent_max) break;
    std::this_thread::sleep_for(between_looks);
  }
  before_ = foreign_work(use);
  own.is_shared = before_.has_value();
}

const std::string& GpuWatch::disturbance() {
  if (looked_ns_ != 0 && seconds_since(looked_ns_) < look_s) return disturbance_;
  disturbance_ = find().value_or("");
  looked_ns_ = monotonic_ns();
  return disturbance_;
}

std::optional<std::string> GpuWatch::find() {
  const auto activity = gpu_activity(device_, seen_unix_us_);
  seen_unix_us_ = std::max(seen_unix_us_, unix_us());
  if (activity && activity->is_hindered) {
    return fmt::format("the GPU is slowed down: {}", to_string(*activity));
  }
  if (activity && activity->foreign_percent > 0) {
    return fmt::format("another process used the GPU: {} %", activity->foreign_percent);
  }
  if (before_) return before_;
  return foreign_work({.paused_share = queue_.paused_share(watched_s)});
}

}  // namespace paceline
