#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/graph/measurement.h"
#include "common/graph/workload.h"
#include "kernels/kernel.h"
#include "worker/measure/operands.h"
#include "worker/measure/sample.h"

namespace paceline {

// A kernel made ready to run on a stage's operands, as a session does for an instruction. Owns
// workspace and state; borrows the stage, which must outlive it. Call as the stage says.
class Instance {
 public:
  virtual ~Instance() = default;
  // One call, waited for: its seconds.
  virtual double run() = 0;
  // Times `calls` calls, each with caches in the state of the regime; `fills_caches`: a call is so
  // long that none is needed before a hot sample.
  virtual TimedSample sample(Regime regime, int calls, bool fills_caches) = 0;
  virtual std::int64_t workspace_bytes() const = 0;
};

// What the kernels of one kind of device are checked and timed on: one workload's operands where
// they can read them. Borrows operands and op. One thread; on the CPU within the arena in which
// kernels shall run.
class Stage {
 public:
  virtual ~Stage() = default;
  // Operands as drawn, outputs filled with bytes of ones.
  virtual void reset() = 0;
  // Whatever the kernel throws in `prepare` or `bind` passes through.
  virtual std::unique_ptr<Instance> open(const Kernel& kernel) = 0;
  // Brings what the last call wrote to where the operands' host views show it.
  virtual void fetch() = 0;
  // Whether several calls of a cold sample each find their caches cold.
  virtual bool repeats_cold() const = 0;
  // The device's clock and what slows it down; nullopt: as the CPU's.
  struct Clock {
    std::optional<double> mhz;
    std::string throttle;
  };
  virtual std::optional<Clock> clock() const = 0;
  // Peaks of the device; nullopt: those that the request brings.
  struct Peaks {
    double flops_per_s = 0;  // f32.
    double bytes_per_s = 0;
  };
  virtual std::optional<Peaks> peaks() const = 0;
};

std::unique_ptr<Stage> open_cpu_stage(const Workload& workload, Operands& operands, int threads);
// On the GPU of that index. Throws `unsupported` where it cannot be used, `exhausted` when the
// operands do not fit.
std::unique_ptr<Stage> open_cuda_stage(int device, const Workload& workload, Operands& operands);
std::unique_ptr<Stage> open_stage(const Device& device, const Workload& workload,
                                  Operands& operands, int threads);

// What a kernel asks for on a workload.
std::int64_t workspace_bytes_of(const Kernel& kernel, const Workload& workload,
                                const Resources& resources);

}  // namespace paceline
