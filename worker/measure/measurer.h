#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "common/graph/workload.h"

namespace paceline {

// When a sitting has seen enough.
struct MeasureBudget {
  // For timing all kernels in one regime; correctness comes before it. Two blocks of each kernel
  // are taken whatever they cost.
  Duration time = std::chrono::seconds(2);
  int blocks_max = 200;             // Per kernel and regime.
  double relative_interval = 0.02;  // Enough when (high - low) / median of each is below it.
};

// Values of Measurement::method: how the numbers were made (docs/measuring.md).
inline constexpr std::int32_t method_checked_in_full = 1;
// The double reference would take too long: checked against it with smaller extents, and in full
// against the op's plain kernel.
inline constexpr std::int32_t method_checked_in_part = 2;
// As above, but at full extents against excerpts of the reference, and in full against the first
// kernel that passed these.
inline constexpr std::int32_t method_checked_by_excerpt = 3;

// One sitting: rival kernels on one workload.
struct MeasureTask {
  Workload workload;
  std::vector<std::string> kernels = {};  // Empty: all of the devices that accept the workload.
  DeviceSet devices = {};  // Whose GPU is the one that kernels for a GPU are timed on; else cuda:0.
  std::vector<Regime> regimes = {Regime::hot, Regime::cold};
  std::uint64_t seed = 1;  // Of inputs and block order.
  MeasureBudget budget = {};
  std::optional<CampaignId> campaign = {};
  std::optional<TaskId> task = {};
  std::optional<LeaseId> lease = {};
};

// Measures on this machine's CPU and a GPU, kernels of the two in sittings of their own, in a child
// process that is kept from task to task and replaced when a kernel crashes, hangs or eats the
// memory. Holds the locks of the CPU and of that GPU while it measures, so that measurers of one
// machine take turns. One thread.
class Measurer {
 public:
  struct Options {
    int threads = 1;  // The child is pinned to as many cores.
    // Of one step (checking a kernel, one sample); beyond it the kernel counts as hung.
    Duration step_time_max = std::chrono::seconds(60);
    // Resident memory of the child; 0: nine tenths of what is available when it starts.
    std::int64_t memory_bytes_max = 0;
    // A program that calls run_measure_child (worker/measure/child.h). Empty: `paceline-worker
    // child` beside the running program.
    std::vector<std::string> child_command = {};
    std::filesystem::path lock_folder = {};  // Empty: /run/lock, or /tmp where that is missing.
    std::optional<Roofline> roofline = {};   // Absent: calibrated before the first sitting.
    // Set by another thread, it ends the sitting under way; borrowed, may be null.
    const std::atomic<bool>* is_interrupted = nullptr;
  };

  explicit Measurer(Options options);
  ~Measurer();

  const Machine& machine() const;
  const Environment& environment() const;
  // As given or calibrated; absent before the first sitting.
  const std::optional<Roofline>& roofline() const;

  // One measurement for each kernel and regime, failures included; none when no kernel accepts the
  // workload. Waits for the host's lock. Throws `invalid` for a kernel that this machine does not
  // have, `unsupported` for a GPU that it
  // does not have, `unavailable` when the child program cannot be started or the sitting was
  // interrupted.
  std::vector<Measurement> measure(const MeasureTask& task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline
