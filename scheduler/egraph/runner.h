#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/egraph/rule.h"

namespace paceline::egraph {

struct Budget {
  std::int64_t nodes = 20'000;
  int iterations = 30;
  double seconds = 5;
  std::function<double()> clock = {};  // Seconds since any moment; none: time is not limited.
  // Back-off (egg): a rule with more new matches than this in one iteration sits out some
  // iterations; both double each time.
  std::int64_t matches = 1'000;
  int ban_iterations = 5;
};

enum class StoppedBy { saturated, nodes, iterations, seconds };
std::string_view to_string(StoppedBy stopped_by);

struct RuleReport {
  std::string name;
  std::int64_t matches = 0;   // Found and not applied before.
  std::int64_t applied = 0;   // Made two classes one.
  int banned_iterations = 0;  // Sat out by back-off.
  std::int64_t refused = 0;   // The right side does not exist here: see `refusal`.
  std::string refusal;        // The first of them.
};

struct Report {
  int iterations = 0;
  std::int64_t nodes = 0;
  std::int64_t classes = 0;
  StoppedBy stopped_by = StoppedBy::saturated;
  std::vector<RuleReport> rules;  // Those that took part, as given.
  std::int64_t matches_cut = 0;   // Found, and not applied when a budget ended.
  int precision_left_out = 0;     // Rules whose class is weaker than asked for.

  // Every rule was applied wherever it matches.
  bool is_complete() const { return stopped_by == StoppedBy::saturated; }
  const RuleReport* find(std::string_view rule) const;
  std::string to_string() const;  // What was done, what was cut, rules that did something.
};

// Applies rules up to class `precision_max` until nothing changes or a budget ends. The e-graph is
// rebuilt when it returns. Throws `invalid` on a budget of zero, `internal` on a wrong rule.
Report run(EGraph& graph, const Rules& rules, const Budget& budget,
           Precision precision_max = Precision::exact);

}  // namespace paceline::egraph
