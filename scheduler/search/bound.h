#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "scheduler/search/problem.h"

namespace paceline::search {

// What no path can undercut, and by how much each option lies above it.
//
// The cost of a class that several may read is split among its readers, each paying a share; then
// the cheapest tree is never dearer than the cheapest path. Classes that every path needs are paid
// outright. The shares move towards those who read, by a subgradient with multiplicative steps: the
// dual of the linear relaxation of extraction (Held and Karp, 1971, for the method).
struct Bound {
  double lower_s = 0;
  // By class and option: a path that takes the option's cheapest pick costs at least `lower_s` and
  // this; a dearer pick adds its difference.
  std::vector<std::vector<double>> reduced_s;
  std::vector<Taken> best;  // The cheapest path that was met on the way.
  Fixed best_cost = 0;
};

// In `rounds` steps, fewer when `stop` says so or the gap closes; at least one. Each takes a time
// linear in the problem.
Bound bound(const Problem& problem, int rounds, const std::function<bool()>& stop);

// What remains of a problem when picks whose reduced cost is above `width_s` go. Every path that
// costs less than `lower_s + width_s` stays; nullopt when no path is left. Classes keep their
// numbers; those that nothing reaches any more are left without options.
std::optional<Problem> narrowed(const Problem& problem, const Bound& bound, double width_s);

}  // namespace paceline::search
