#include "worker/dispatch/search_account.h"

#include <map>

#include "worker/dispatch/path_finder.h"

namespace paceline {

SearchAccount account_of(PathFinder& finder) {
  finder.price({});
  const search::Extraction& extraction = finder.extraction();
  return {.regions = finder.report(),
          .paths = finder.count(),
          .best_s = extraction.best.cost_s,
          .lower_bound_s = extraction.lower_bound_s,
          .gap = extraction.gap(),
          .is_exact = extraction.is_exact,
          .alternatives_cut = finder.alternatives_cut(),
          .workloads = finder.workload_count()};
}

std::vector<std::vector<std::string>> rules_of(const Graph& path, const Graph& given,
                                               PathFinder& finder, int count) {
  std::map<Digest, std::vector<std::string>> known;
  for (const Digest& digest : node_digests(given)) known[digest];
  for (const FoundPath& found : finder.best(count)) {
    const std::vector<Digest> digests = node_digests(found.path.graph);
    for (std::size_t i = 0; i < digests.size(); ++i) known.emplace(digests[i], found.rules[i]);
  }
  std::vector<std::vector<std::string>> rules;
  for (const Digest& digest : node_digests(path)) {
    const auto entry = known.find(digest);
    rules.push_back(entry == known.end() ? std::vector{std::string(earlier_search)}
                                         : entry->second);
  }
  return rules;
}

}  // namespace paceline
