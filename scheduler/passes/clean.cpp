#include "common/base/log.h"
#include "common/base/time.h"
#include "scheduler/passes/passes.h"

namespace paceline {

namespace {

struct Pass {
  std::string_view name;
  Graph (*run)(const Graph&, const OpSet&);
};

// Folding looks through what dropping identities leaves; merging finds equal constants of both.
constexpr Pass passes[] = {
    {"drop_identities", drop_identities},
    {"fold_constants", fold_constants},
    {"merge_equal", merge_equal},
    {"remove_dead", remove_dead},
};

Graph run(const Pass& pass, const Graph& graph, const OpSet& ops) {
  const std::int64_t start_ns = monotonic_ns();
  Graph result = pass.run(graph, ops);  // GraphBuilder::finish validates.
  log::debug("pass", {{"pass", pass.name},
                      {"nodes_before", graph.nodes().size()},
                      {"nodes_after", result.nodes().size()},
                      {"us", (monotonic_ns() - start_ns) / 1000}});
  return result;
}

}  // namespace

Graph clean(const Graph& graph, const OpSet& ops) {
  Graph current = graph;
  for (const Pass& pass : passes) current = run(pass, current, ops);
  return current;
}

}  // namespace paceline
