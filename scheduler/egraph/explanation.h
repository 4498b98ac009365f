#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/graph/kernel_info.h"
#include "scheduler/egraph/ids.h"

namespace paceline::egraph {

// The rule names that are not rules of anyone: equal children, and a value that is known.
inline constexpr std::string_view congruence = "congruence";
inline constexpr std::string_view folding = "fold-constants";

// One reason why two terms are equal.
struct Step {
  std::string rule;
  Precision precision = Precision::exact;
  NodeId before;
  NodeId after;
  std::string text;  // "(add ...) = (add ...)", deep terms shortened.
};

// Why two terms are equal: each step rests on those before it alone, and appears once.
struct Explanation {
  std::vector<Step> steps;

  std::vector<std::string> rules() const;  // Without congruence, each name once, in order of use.
  Precision precision() const;             // The weakest class among the steps.
  std::string to_string() const;           // A line a step.
};

}  // namespace paceline::egraph
