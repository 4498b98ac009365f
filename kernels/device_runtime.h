#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/graph/tensor.h"
#include "kernels/kernel.h"

// What the executor needs of GPUs besides kernels: memory, streams, events, captured graphs. The
// CUDA module implements it (cuda_module.h); the program links no CUDA library.
namespace paceline::kernels {

// The device's context is gone (an illegal access, a hang that was ended, hardware): every further
// call in this process throws it too.
class DeviceLost : public Error {
 public:
  explicit DeviceLost(const std::string& why) : Error(ErrorKind::unavailable, why) {}
};

struct DeviceProperties {
  std::string name;          // "NVIDIA H200"
  std::string architecture;  // "sm_90"
  std::string bus_id;        // "0000:0a:00.0"
  int multiprocessors = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t l2_bytes = 0;
};

struct DeviceMemory {
  std::int64_t free_bytes = 0;  // Other processes take from it too.
  std::int64_t total_bytes = 0;
};

// What a device reaches at best.
struct DevicePeaks {
  double flops_per_s = 0;        // f32 multiply-adds without tensor cores.
  double bytes_per_s = 0;        // Copy within its memory, read and written.
  double cache_bytes_per_s = 0;  // The same within the second-level cache.
  double call_s = 0;             // An empty kernel among others of a captured graph.
};

// Memory of a device, or pinned memory of the host. Freed with the last copy; aligned to 256 bytes.
using DeviceBytes = std::shared_ptr<std::byte>;

class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
  // Waits for both.
  virtual double seconds_since(const DeviceEvent& earlier) const = 0;
};

// What a queue captured, to be launched on that queue.
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  virtual void launch() = 0;
};

// Work of one device in order: a stream. One thread at a time.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;
  virtual CUstream_st* stream() const = 0;
  virtual DataFault* fault() = 0;  // As the device sees it; `finish` takes and clears it.
  // Enqueued; host addresses must be pinned for it to happen beside other work.
  virtual void copy(void* to, const void* from, std::int64_t bytes) = 0;
  // From pageable memory of the host, in pinned pieces that overlap; returns once the source has
  // been read.
  virtual void upload(void* to, const void* from, std::int64_t bytes) = 0;
  virtual void fill(void* to, std::byte value, std::int64_t bytes) = 0;
  // Holds back what is enqueued after it for at least so long, up to a second: so that a measured
  // region starts with all of its work enqueued.
  virtual void keep_busy(double seconds) = 0;
  // Runs one thread for so long, up to a second, and waits for it. The share of that time for which
  // the thread stood still: the device worked for another process meanwhile.
  virtual double paused_share(double seconds) = 0;
  virtual std::unique_ptr<DeviceEvent> record() = 0;
  virtual void begin_capture() = 0;
  // Throws `unsupported` when something in between cannot be captured; the queue is usable then.
  virtual std::unique_ptr<DeviceGraph> end_capture() = 0;
  // Waits for everything. Throws DeviceLost.
  virtual std::optional<DataFault> finish() = 0;
};

// Any thread. Lives as long as the program.
class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;
  virtual int count() const = 0;
  virtual DeviceProperties properties(int device) const = 0;
  virtual DeviceMemory memory(int device) const = 0;
  // For the calling thread: before kernels' `prepare`, `bind` and `run`.
  virtual void make_current(int device) = 0;
  // Throws `exhausted` with what was wanted, what is free and what there is.
  virtual DeviceBytes allocate(int device, std::int64_t bytes) = 0;
  virtual DeviceBytes allocate_pinned(std::int64_t bytes) = 0;
  virtual std::unique_ptr<DeviceQueue> open_queue(int device) = 0;
  // The best of several tries each; a tenth of a second.
  virtual DevicePeaks measure_peaks(int device) = 0;
};

// The sentence for a fault, without the op: "index outside [0, 10): 12".
std::string to_string(const DataFault& fault);

}  // namespace paceline::kernels
