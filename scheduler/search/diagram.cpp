#include "scheduler/search/diagram.h"

#include <algorithm>
#include <limits>

#include "common/base/error.h"
#include "scheduler/search/nodes.h"
#include "scheduler/search/polish.h"
#include "scheduler/search/relaxed.h"
#include "scheduler/search/widths.h"

namespace paceline::search {
namespace {

constexpr int bound_rounds = 100;

Digest digest_of(const Space& space, double complete_to_s) {
  Hasher hasher("paths/1");
  hasher.add(complete_to_s).add(space.classes.size()).add(space.roots.size());
  for (const std::int32_t root : space.roots) hasher.add(root);
  for (const auto& alternatives : space.classes) {
    hasher.add(alternatives.size());
    for (const Alternative& alternative : alternatives) {
      hasher.add(alternative.cost_s).add(alternative.children.size());
      for (const std::int32_t child : alternative.children) hasher.add(child);
    }
  }
  return hasher.finish();
}

// One path alone: its cheapest picks.
Problem single_path(const Problem& problem, const std::vector<Taken>& taken) {
  Problem result = problem;
  for (std::size_t c = 0; c < result.classes.size(); ++c) {
    std::vector<Option>& options = result.classes[c];
    const std::int32_t option = taken[c].option;
    if (option < 0) {
      options.clear();
    } else {
      Option only = options[option];
      only.picks.resize(1);
      options = {std::move(only)};
    }
  }
  return result;
}

struct Restricted {
  Problem problem;
  Compiled compiled;
  double complete_to_s;
};

// The widest diagram that the limits hold of all paths up to some cost, from `best_s` on.
std::optional<Restricted> proven(const Problem& problem, const Bound& known, double best_s,
                                 const Limits& limits) {
  constexpr double first_step = 1e-4;
  constexpr double last_step = 1;
  std::optional<Restricted> result;
  for (double above = 0; above <= last_step; above = std::max(first_step, 2 * above)) {
    const double target_s = best_s * (1 + above);
    std::optional<Problem> part = cut_to(problem, known, target_s, limits);
    std::optional<Compiled> compiled = part ? compile(*part, limits) : std::nullopt;
    if (!compiled) break;
    result = {*std::move(part), *std::move(compiled), target_s};
  }
  return result;
}

// The widest diagram around a path that the limits hold. Proves nothing.
Restricted around(const Problem& problem, const std::vector<Taken>& taken, const Limits& limits) {
  Problem alone = single_path(problem, taken);
  Restricted result{alone, *compile(alone, Limits{}), 0};
  const Bound order{.reduced_s = regrets_s(problem, taken)};
  for (const double width : widths(problem, order, std::numeric_limits<double>::max())) {
    std::optional<Problem> wider = narrowed(problem, order, width);
    std::optional<Compiled> compiled = wider ? compile(*wider, limits) : std::nullopt;
    if (!compiled) break;
    result = {*std::move(wider), *std::move(compiled), 0};
  }
  return result;
}

// What is proven to come first, as far as the limits hold it; when they do not even hold all that
// may be the cheapest, the surroundings of one good path.
Restricted restricted(const Problem& problem, const Limits& limits) {
  const Bound known = strong_bound(problem, bound_rounds, limits);
  std::vector<Taken> taken = known.best;
  const double best_s = to_seconds(polish(problem, taken));
  if (auto result = proven(problem, known, best_s, limits)) return *std::move(result);
  Restricted result = around(problem, taken, limits);
  result.complete_to_s = known.lower_s;
  return result;
}

}  // namespace

Limits part_of(const Limits& limits, std::int64_t divisor) {
  return {.states_max = limits.states_max,
          .visits_max = std::max<std::int64_t>(1, limits.visits_max / divisor),
          .stop = limits.stop};
}

void validate(const Limits& limits) {
  if (limits.states_max < 1 || limits.visits_max < 1) {
    throw invalid("a search needs at least one state and one visit: states_max {}, visits_max {}",
                  limits.states_max, limits.visits_max);
  }
}

Diagram Diagram::build(const Space& space, const Limits& limits) {
  validate(limits);
  auto made = std::make_shared<DiagramNodes>();
  made->space = space;
  made->problem = problem_of(space);
  made->complete_to_s = std::numeric_limits<double>::infinity();
  if (auto whole = compile(made->problem, limits)) {
    static_cast<Compiled&>(*made) = *std::move(whole);
  } else {
    Restricted part = restricted(made->problem, part_of(limits, 4));
    static_cast<Compiled&>(*made) = std::move(part.compiled);
    made->problem = std::move(part.problem);
    made->complete_to_s = part.complete_to_s;
  }
  made->digest = digest_of(space, made->complete_to_s);
  return Diagram(std::move(made));
}

Count Diagram::count() const {
  const Magnitude& count = nodes_->nodes[nodes_->root].count;
  return {.log10 = count.log10(), .exact = count.exact(), .is_lower_bound = !is_exact()};
}

Solution Diagram::best() const {
  return solution_of(nodes_->space, nodes_->problem, cheapest_of(nodes_->problem, *nodes_));
}

bool Diagram::is_exact() const {
  return nodes_->complete_to_s == std::numeric_limits<double>::infinity();
}
double Diagram::complete_to_s() const { return nodes_->complete_to_s; }
std::int64_t Diagram::states() const { return nodes_->states; }

}  // namespace paceline::search
