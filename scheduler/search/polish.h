#pragma once

#include <vector>

#include "scheduler/search/problem.h"

namespace paceline::search {

// A path that no change of one class's option makes cheaper, starting from `taken` and, below
// classes that it does not reach, from the cheapest tree. Returns its cost. Linear in the problem
// for each option that is tried.
Fixed polish(const Problem& problem, std::vector<Taken>& taken);

// By class and option: how much dearer the path gets that differs from `taken` in that option, and
// below it follows the cheapest trees. Infinity for other options of classes that it does not
// reach.
std::vector<std::vector<double>> regrets_s(const Problem& problem, const std::vector<Taken>& taken);

}  // namespace paceline::search
