#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/device_runtime.h"
#include "kernels/kernel.h"
#include "worker/execute/packed_cache.h"
#include "worker/execute/prepared.h"
#include "worker/execute/states.h"

namespace paceline {

// Weights by name. Bound once, never copied: the session keeps references.
using WeightSet = std::map<std::string, Tensor, std::less<>>;

// A plan with its memory, weights and states, ready to run many times. Runs the plan's prologue
// when it is made, and keeps no weight that only the prologue reads. Owns arena and inputs, shares
// the weights and, when asked to, the states and what prologues prepare; borrows `ops` and
// `kernels`. One thread calls; kernels use up to `threads`.
class Session {
 public:
  struct Options {
    int threads = 1;
    std::int64_t memory_bytes_max = 0;                     // 0: what the machine has available.
    std::shared_ptr<States> states = nullptr;              // Null: its own.
    std::shared_ptr<PreparedTensors> prepared = nullptr;   // Of sessions over the same weights.
    std::shared_ptr<PackedCache> packed = nullptr;         // What earlier programs prepared.
    kernels::DeviceRuntime* runtime = nullptr;             // Null: device_runtime(), when needed.
    std::map<Device, std::int64_t> device_bytes_max = {};  // As memory_bytes_max, of devices.
  };

  // Throws `invalid` for a missing weight or one of another dtype, naming it, `exhausted` when the
  // prologue needs more memory than there is, `unsupported` when the plan names a device that
  // cannot be used here. Weights that the plan does not know are ignored.
  Session(Plan plan, const OpSet& ops, std::span<const Kernel> kernels, WeightSet weights,
          Options options);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  // Fixes the symbols: lays out the arena (grown only when needed), resolves every argument that
  // the symbols whose values changed have a part in: microseconds from N to N+1. States
  // whose type does not change keep their contents, and so do inputs. Throws `invalid` for an
  // unbound symbol or a binding that some op refuses, `exhausted` with the numbers when memory is
  // short; after an error, bind again before the next run.
  void bind(const Bindings& bindings);
  // Lets binds that need other memory make room for these bindings too, where memory allows: a
  // sequence that grows up to them then moves nothing on its way.
  void reserve(const Bindings& bindings);
  // Copies `tensor` in. Throws `invalid` on a wrong name, dtype or shape, naming both.
  void set_input(std::string_view name, const Tensor& tensor);
  // As it was last set, nullopt before that: borrowed until the next bind.
  std::optional<TensorView> input(std::string_view name) const;
  void clear_inputs();  // They must be set again before the next run.
  // One loop over function pointers: no allocation, no lookup, no lock, no log; on a device, a
  // captured graph from the second run on. Throws `invalid`
  // before a bind, for an input that was not set, and for data that a kernel refuses.
  void run();
  // Runs `repeats` times and gives the median seconds of each instruction. States move on.
  std::vector<double> profile(int repeats);
  // The median seconds, of `repeats`, that the device takes for a run without those steps that
  // `keeps` refuses, captured as in a run: no events between steps, and each begins while the one
  // ahead of it ends. What is left out leaves its results as they are; states move on. Throws
  // `unsupported` for a plan that no device runs, or that cannot be captured.
  double time_captured(const std::function<bool(std::int32_t step)>& keeps, int repeats);
  // The value after the last run: borrowed until the next bind or run; may be strided.
  TensorView output(std::string_view name) const;
  void clear_states();

  const Plan& plan() const;
  const Graph& graph() const { return plan().graph; }
  const PreparedAccount& prepared() const;
  std::size_t instruction_count() const;
  // Segments on a device that the next run replays as captured graphs.
  int captured_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The slow oracle: evaluates a graph in double by the ops' references (states start at `states` and
// end there updated). Outputs by name, as f64 / i64 / bool.
std::map<std::string, Tensor> interpret(const Graph& graph, const OpSet& ops,
                                        const Bindings& bindings,
                                        const std::map<std::string, Tensor>& inputs,
                                        const WeightSet& weights,
                                        std::map<std::string, Tensor>* states = nullptr);

}  // namespace paceline
