#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/graph/kernel_info.h"
#include "common/wire/message.h"
#include "worker/daemon/duty.h"
#include "worker/measure/measurer.h"

namespace paceline {

// Holds sittings on a thread of its own, so that heartbeats go on meanwhile. One other thread owns
// it.
class MeasuringThread {
 public:
  // `kernels` are those that leases may name.
  explicit MeasuringThread(const std::vector<KernelInfo>& kernels);
  // Waits for the sitting under way.
  ~MeasuringThread();

  // Only when the result of the sitting before was taken.
  void start(Duty::StartSitting sitting);
  // The sitting that was started last fails at once, if it has not ended.
  void interrupt() { is_interrupted_ = true; }
  // Of a sitting that has ended: measurements, environment, seconds, failure.
  std::optional<wire::Result> take_result();
  int descriptor() const { return descriptor_; }  // Readable while there may be a result.

 private:
  void run();
  wire::Result hold(const Duty::StartSitting& sitting);
  Measurer& measurer(int threads);
  MeasureTask task_of(const Duty::StartSitting& sitting) const;

  std::map<KernelId, std::string> kernel_names_;
  std::map<int, std::unique_ptr<Measurer>> measurers_;  // By threads; the thread's own.
  int descriptor_;
  std::atomic<bool> is_interrupted_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_:
  std::deque<Duty::StartSitting> sittings_;
  std::deque<wire::Result> results_;
  bool is_stopping_ = false;

  std::thread thread_;
};

}  // namespace paceline
