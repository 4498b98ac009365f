#pragma once

#include <string>
#include <vector>

#include "common/graph/kernel_info.h"
#include "scheduler/egraph/ids.h"

namespace paceline::egraph {

// One reason why two terms are equal.
struct Step {
  std::string rule;  // "congruence": equal children, shown by the steps before.
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
