#pragma once

#include <optional>
#include <vector>

#include "common/graph/workload.h"
#include "worker/dispatch/path_finder.h"

namespace paceline {

// Paths with nodes side by side, each by one thread (scheduler/branches): times of one thread speak
// for that only together with those of all, and of both only a race of the whole. Borrows all that
// it is given. One thread.
class BranchesForm {
 public:
  // `alone` knows what the dispatcher does, of one thread.
  BranchesForm(GraphDispatcher& dispatcher, GraphDispatcher& alone, const OpSet& ops,
               const Bindings& bindings)
      : dispatcher_(dispatcher), alone_(alone), ops_(ops), bindings_(bindings) {}

  // What one thread has to be measured on, of what may turn out worth it.
  std::vector<Workload> to_measure(const Path& path);
  // The path in bundles, with the kernels that are best for one thread there, where that is
  // cheaper by what was measured; nullopt when nothing is gained.
  std::optional<FoundPath> of(const FoundPath& path);

 private:
  struct Known;
  Known known(const Path& path);

  GraphDispatcher& dispatcher_;
  GraphDispatcher& alone_;
  const OpSet& ops_;
  const Bindings& bindings_;
};

}  // namespace paceline
