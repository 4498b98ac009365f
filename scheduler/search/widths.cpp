#include "scheduler/search/widths.h"

#include <algorithm>

namespace paceline::search {

std::vector<double> widths(const Problem& problem, const Bound& bound, double width_max_s) {
  std::vector<double> reduced;
  for (std::size_t c = 0; c < problem.classes.size(); ++c) {
    for (std::size_t o = 0; o < problem.classes[c].size(); ++o) {
      const std::vector<Pick>& picks = problem.classes[c][o].picks;
      for (const Pick& pick : picks) {
        const double above = bound.reduced_s[c][o] + to_seconds(pick.cost - picks.front().cost);
        if (above > 0 && above <= width_max_s) reduced.push_back(above);
      }
    }
  }
  std::sort(reduced.begin(), reduced.end());
  std::vector<double> result = {0};
  for (std::size_t count = 16; count < reduced.size(); count *= 2) {
    if (reduced[count - 1] > result.back()) result.push_back(reduced[count - 1]);
  }
  if (width_max_s > result.back()) result.push_back(width_max_s);
  return result;
}

}  // namespace paceline::search
