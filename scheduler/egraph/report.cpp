#include <fmt/format.h>

#include <algorithm>

#include "scheduler/egraph/runner.h"

namespace paceline::egraph {

std::string_view to_string(StoppedBy stopped_by) {
  switch (stopped_by) {
    case StoppedBy::saturated:
      return "saturated";
    case StoppedBy::nodes:
      return "nodes";
    case StoppedBy::iterations:
      return "iterations";
    case StoppedBy::seconds:
      break;
  }
  return "seconds";
}

const RuleReport* Report::find(std::string_view rule) const {
  const auto found = std::ranges::find(rules, rule, &RuleReport::name);
  return found == rules.end() ? nullptr : &*found;
}

std::string Report::to_string() const {
  std::string text = fmt::format("stopped by {} after {} iterations: {} nodes, {} classes\n",
                                 egraph::to_string(stopped_by), iterations, nodes, classes);
  if (matches_cut > 0) text += fmt::format("cut: {} matches found and not applied\n", matches_cut);
  if (precision_left_out > 0) {
    text += fmt::format("left out: {} rules of a weaker precision\n", precision_left_out);
  }
  for (const RuleReport& rule : rules) {
    if (rule.matches == 0 && rule.banned_iterations == 0) continue;
    text += fmt::format("{}: {} matches, {} applied", rule.name, rule.matches, rule.applied);
    if (rule.banned_iterations > 0) text += fmt::format(", sat out {}", rule.banned_iterations);
    if (rule.refused > 0) text += fmt::format(", refused {}: {}", rule.refused, rule.refusal);
    text += "\n";
  }
  return text;
}

}  // namespace paceline::egraph
