#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/device_runtime.h"
#include "worker/compile/bundles.h"
#include "worker/execute/late_table.h"
#include "worker/execute/pool.h"
#include "worker/execute/steps.h"

namespace paceline {

// What a runner needs of the device besides the CPU that a plan uses.
struct RunnerDevice {
  kernels::DeviceRuntime* runtime = nullptr;  // Null: the plan is for the CPU alone.
  Device device;
  kernels::DeviceQueue* queue = nullptr;
  const LateTable* late = nullptr;  // Null: no kernel reads numbers late.
};

// Runs steps in maximal segments of one device: the host's within the pool, one by one, and those of
// a bundle side by side; a device's on its queue, at first one by one, from the second run on as a
// captured graph for as long as none of its steps changes. A host segment starts when the device is
// done. Borrows everything. One thread.
class Runner {
 public:
  Runner(const Plan& plan, const Steps& steps, Pool& threads, const RunnerDevice& device);

  // Other arguments: what was captured of these steps is of no use any more.
  void changed(std::span<const std::int32_t> steps);
  void all_changed();
  // Everything is done when it returns, or throws: `invalid` for data that a kernel refuses.
  void run();
  // Adds the seconds of each step of one run, of which nothing is captured or side by side.
  void time_once(std::vector<std::vector<double>>& seconds);
  // Seconds, `repeats` times, of the device's segments as captured graphs of those steps alone that
  // `keeps` accepts, each behind a queue that is kept busy. What is left out leaves its results as
  // they are. Throws `unsupported` where the plan is for the CPU alone or cannot be captured.
  std::vector<double> time_captured(const std::function<bool(std::int32_t step)>& keeps,
                                    int repeats);
  // Of the device's segments, those that the next run replays.
  int captured_count() const;

 private:
  struct Segment {
    std::int32_t first = 0, end = 0;
    bool is_host = true;
    bool can_be_captured = true;
    bool has_run = false;  // With the steps' arguments as they are.
    std::unique_ptr<kernels::DeviceGraph> graph;
    std::vector<Bundle> bundles;  // Of the host.
  };

  bool may_be_captured(const Plan::Instruction& instruction) const;
  void run_segments();
  void run_host(const Segment& segment);
  void run_steps(std::int32_t first, std::int32_t end) const;
  void run_bundle(const Bundle& bundle);
  void run_device(Segment& segment);
  void capture(Segment& segment);
  void enqueue(const Segment& segment) const;
  std::unique_ptr<kernels::DeviceGraph> captured(
      const Segment& segment, const std::function<bool(std::int32_t step)>& keeps) const;
  void time_host(const Segment& segment, std::vector<std::vector<double>>& seconds);
  void time_device(const Segment& segment, std::vector<std::vector<double>>& seconds);
  void finish();
  void settle() noexcept;

  const Plan& plan_;
  const Steps& steps_;
  Pool& threads_;
  const RunnerDevice device_;
  std::vector<Segment> segments_;
  std::vector<std::int32_t> segment_of_;  // By step.
};

}  // namespace paceline
