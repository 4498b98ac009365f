#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/device_runtime.h"

namespace paceline {

// What was seen of a GPU in which others may have a part.
struct GpuUse {
  // How busy it was while this process gave it nothing to do: looks at it in a row, each of what
  // was of late. None: nobody looked, or nothing tells.
  std::vector<unsigned> busy_percent = {};
  double paused_share = 0;  // Of some time, for which a kernel of ours stood still (DeviceQueue).
};

// Says that another process works on it, and by what that is seen; nullopt: nothing speaks of it.
std::optional<std::string> foreign_work(const GpuUse& use);

// A look from outside a sitting: ten milliseconds. Nothing where there is no GPU of that index.
std::optional<std::string> foreign_work_on(int device);

// Watches the GPU that a sitting times kernels on: before its first, and from time to time. Borrows
// the queue, which must be idle at every call. One thread.
class GpuWatch {
 public:
  // Looks how busy the GPU is, before the sitting gives it anything to do: at once where it rests,
  // else for 1.5 s. Left out where this process used it itself within the time that the driver
  // tells of.
  GpuWatch(kernels::DeviceQueue& queue, int device);
  ~GpuWatch();
  GpuWatch(const GpuWatch&) = delete;
  GpuWatch& operator=(const GpuWatch&) = delete;

  // Why a sample that is taken now says little: heat, a power brake, another process's work. Empty:
  // no reason. Looks anew after a fifth of a second.
  const std::string& disturbance();

 private:
  void look_before();
  std::optional<std::string> find();

  kernels::DeviceQueue& queue_;
  const int device_;
  std::int64_t looked_ns_ = 0;
  std::int64_t seen_unix_us_;
  std::optional<std::string> before_;  // What was found before the first sample.
  std::string disturbance_;
};

}  // namespace paceline
