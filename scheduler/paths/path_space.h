#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/path.h"
#include "scheduler/paths/build.h"
#include "scheduler/paths/forms.h"
#include "scheduler/paths/pricing.h"
#include "scheduler/search/diagram.h"

namespace paceline::paths {

struct SpaceOptions {
  egraph::Budget budget = {};  // Of each distinct region.
  Precision precision_max = Precision::approximates;
  bool explain = false;  // Keep why each term is there: costs time and memory.
};

// One region of the graph that was searched, as often as it stands there.
struct RegionReport {
  int count = 1;
  std::int64_t graph_nodes = 0;
  egraph::Report search;
};

// The equivalent programs of a whole graph: each distinct region explored once. Independent of
// kernels, times and bindings until it is priced. Borrows the OpSet. One thread.
class PathSpace {
 public:
  // Throws what egraph::run does.
  PathSpace(const Graph& graph, const OpSet& ops, const egraph::Rules& rules,
            const SpaceOptions& options);
  ~PathSpace();
  PathSpace(PathSpace&&) noexcept;

  std::vector<Workload> workloads(const Bindings& bindings) const;
  PricedForms price(const Bindings& bindings, const KernelChooser& chooser,
                    const PricingOptions& options = {}) const;

  // A path of the whole graph. Requires: `solution` is a path of `priced.free_of_views->space()`.
  Path path(const PricedForms& priced, const search::Solution& solution) const;
  // As above, with the rules that made each node of the path's graph from the given graph's own
  // terms: empty for what stood there. Requires `explain`.
  struct Explained {
    Path path;
    std::vector<std::vector<std::string>> rules;  // By node.
  };
  Explained explained_path(const PricedForms& priced, const search::Solution& solution) const;

  std::vector<RegionReport> report() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paceline::paths
