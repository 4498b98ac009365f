#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "common/base/random.h"
#include "scheduler/search/space.h"

namespace paceline::search {

// Small costs that are sums of powers of two, so that sums of them are exact and ties are frequent.
inline double small_cost(Random& random) { return static_cast<double>(random.below(16)) / 8; }

// Classes read later ones only, but for `backward` of all children, which may close cycles.
inline Space random_space(Random& random, std::int32_t classes_max, double backward = 0) {
  Space space;
  const auto count = static_cast<std::int32_t>(2 + random.below(classes_max - 1));
  space.classes.resize(count);
  for (std::int32_t c = 0; c < count; ++c) {
    const std::int64_t alternatives = 1 + random.below(3);
    for (std::int64_t a = 0; a < alternatives; ++a) {
      Alternative alternative{small_cost(random), {}, 100 * c + a};
      const std::int64_t children = random.below(4);
      for (std::int64_t i = 0; i < children; ++i) {
        if (random.uniform() < backward) {
          alternative.children.push_back(static_cast<std::int32_t>(random.below(count)));
        } else if (c + 1 < count) {
          const std::int64_t reach = std::min<std::int64_t>(count - c - 1, 4);
          alternative.children.push_back(c + 1 + static_cast<std::int32_t>(random.below(reach)));
        }
      }
      space.classes[c].push_back(alternative);
    }
    if (c > 1 && random.below(20) == 0) space.classes[c].clear();  // Nothing computes it.
  }
  space.roots = {0};
  if (random.below(3) == 0) space.roots.push_back(static_cast<std::int32_t>(random.below(count)));
  return space;
}

// Every path of an acyclic space, by trying every alternative of each class that is reached and
// undecided, one after the other. In order of cost.
inline std::vector<Solution> all_paths(const Space& space) {
  std::vector<Solution> found;
  std::vector<std::int32_t> chosen(space.classes.size(), -1);
  const std::function<void(std::vector<std::int32_t>, double)> decide =
      [&](std::vector<std::int32_t> open, double cost) {
        while (!open.empty() && chosen[open.back()] >= 0) open.pop_back();
        if (open.empty()) {
          found.push_back({chosen, cost});
          return;
        }
        const std::int32_t at = open.back();
        for (std::size_t a = 0; a < space.classes[at].size(); ++a) {
          const Alternative& alternative = space.classes[at][a];
          chosen[at] = static_cast<std::int32_t>(a);
          std::vector<std::int32_t> next = open;
          next.insert(next.end(), alternative.children.begin(), alternative.children.end());
          decide(next, cost + alternative.cost_s);
        }
        chosen[at] = -1;
      };
  decide(space.roots, 0);
  std::stable_sort(found.begin(), found.end(),
                   [](const Solution& a, const Solution& b) { return a.cost_s < b.cost_s; });
  return found;
}

}  // namespace paceline::search
