#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "scheduler/paths/path_space.h"
#include "scheduler/search/diagram.h"

namespace paceline {

class PathFinder;  // Of path_finder.h.

// What a search looked at, for people: all equivalent graphs with all kernels, as
// `paceline paths --count` counts them.
struct SearchAccount {
  std::vector<paths::RegionReport> regions;
  search::Count paths;
  double best_s = 0;  // Of the cheapest by its kernels, guesses at their upper end.
  double lower_bound_s = 0;
  double gap = 0;
  bool is_exact = false;
  std::int64_t alternatives_cut = 0;  // To be rid of cycles: never the cheapest.
  std::int64_t workloads = 0;         // That some path contains.
  double seconds = 0;                 // That exploring, pricing and searching took.
};

// Prices anew: `finder` has all kernels as alternatives then.
SearchAccount account_of(PathFinder& finder);

// Stands for the rules of a node that none of the paths found now contains.
inline constexpr std::string_view earlier_search = "found by an earlier search";

// By node of `path`, the rules that made it, looked up in the `count` best paths of an explaining
// `finder` by what the node computes. Empty for what stands in `given`, which was searched.
std::vector<std::vector<std::string>> rules_of(const Graph& path, const Graph& given,
                                               PathFinder& finder, int count);

}  // namespace paceline
