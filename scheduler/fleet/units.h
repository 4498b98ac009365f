#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/workload.h"

namespace paceline::fleet {

// What a campaign asks of every class of workers: one workload at one number of threads.
struct Unit {
  Workload workload;
  int threads = 0;  // 0: as many as the worker was given.
};

// The units of a campaign in a fixed order, made when they are reached: a campaign costs memory for
// its cursor, not for its length. Immutable; any thread.
class Units {
 public:
  virtual ~Units() = default;
  virtual std::int64_t count() const = 0;
  virtual Unit at(std::int64_t index) const = 0;  // Requires: 0 <= index < count().
};

// The distinct workloads of some graphs under some bindings, at each number of threads.
class MeasuringUnits : public Units {
 public:
  // Throws `invalid` for a symbol that a binding lacks.
  MeasuringUnits(std::span<const Graph> graphs, std::span<const Bindings> bindings,
                 std::vector<int> threads, const OpSet& ops);

  std::int64_t count() const override;
  Unit at(std::int64_t index) const override;

 private:
  std::vector<Workload> workloads_;
  std::vector<int> threads_;
};

}  // namespace paceline::fleet
