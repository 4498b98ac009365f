#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/kernel.h"

namespace paceline {

// Weights by name. Bound once, never copied: the session keeps references.
using WeightSet = std::map<std::string, Tensor, std::less<>>;

// A plan with its memory, weights and states, ready to run many times. Owns arena and states,
// shares the weights. One thread calls; kernels use up to `threads`.
class Session {
 public:
  struct Options {
    int threads = 1;
    std::int64_t memory_bytes_max = 0;  // 0: what the machine has available.
  };

  // Throws `invalid` for a missing weight or one of another type, naming it; `exhausted`, with the
  // numbers, when the memory it needs is not there.
  Session(Plan plan, const OpSet& ops, std::span<const Kernel> kernels, WeightSet weights,
          Options options);
  ~Session();

  // Fixes the symbols: lays out the arena (grown only when needed), resolves every argument. States
  // whose type does not change keep their contents. Throws `invalid` for an unbound symbol.
  void bind(const Bindings& bindings);
  // Copies `tensor` in. Throws `invalid` on a wrong name, dtype or shape, naming both.
  void set_input(std::string_view name, const Tensor& tensor);
  // One loop over function pointers: no allocation, no lookup, no lock, no log.
  void run();
  // The value after the last run: borrowed until the next bind or run; may be strided.
  TensorView output(std::string_view name) const;
  void clear_states();

  const Plan& plan() const;
  std::size_t instruction_count() const;

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
