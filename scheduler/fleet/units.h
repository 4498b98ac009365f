#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/workload.h"

namespace paceline::fleet {

// A graph whose paths are raced.
struct RacedGraph {
  GraphId id;
  std::string name;
  std::string text;
  Bindings bindings;

  std::string title() const;  // "mlp B=1 N=64", for people.
};

// What a campaign asks of every class of workers: one workload, or the paths of one graph, at one
// number of threads.
struct Unit {
  Workload workload = {};
  int threads = 0;                                    // 0: as many as the worker was given.
  std::shared_ptr<const RacedGraph> raced = nullptr;  // Instead of the workload.
};

// The units of a campaign in a fixed order, made when they are reached: a campaign costs memory for
// its cursor, not for its length. Immutable; any thread.
class Units {
 public:
  virtual ~Units() = default;
  virtual std::int64_t count() const = 0;
  virtual Unit at(std::int64_t index) const = 0;  // Requires: 0 <= index < count().
};

// The distinct workloads of some graphs under some bindings, at each number of threads; after
// these, when asked for, the graphs themselves as units to be raced.
class MeasuringUnits : public Units {
 public:
  // Throws `invalid` for a symbol that a binding lacks.
  MeasuringUnits(std::span<const Graph> graphs, std::span<const Bindings> bindings,
                 std::vector<int> threads, const OpSet& ops, bool with_races = false);

  std::int64_t count() const override;
  Unit at(std::int64_t index) const override;

 private:
  std::vector<Workload> workloads_;
  std::vector<std::shared_ptr<const RacedGraph>> raced_;
  std::vector<int> threads_;
};

}  // namespace paceline::fleet
