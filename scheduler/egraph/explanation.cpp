#include "scheduler/egraph/explanation.h"

#include <fmt/format.h>

#include <algorithm>

namespace paceline::egraph {

std::vector<std::string> Explanation::rules() const {
  std::vector<std::string> names;
  for (const Step& step : steps) {
    if (step.rule == congruence ||
        std::find(names.begin(), names.end(), step.rule) != names.end()) {
      continue;
    }
    names.push_back(step.rule);
  }
  return names;
}

Precision Explanation::precision() const {
  Precision weakest = Precision::exact;
  for (const Step& step : steps) weakest = std::max(weakest, step.precision);
  return weakest;
}

std::string Explanation::to_string() const {
  std::string text;
  for (const Step& step : steps) text += fmt::format("{}: {}\n", step.rule, step.text);
  return text;
}

}  // namespace paceline::egraph
