#include "scheduler/search/diagram.h"

#include <limits>

#include "common/base/error.h"
#include "scheduler/search/bound.h"
#include "scheduler/search/nodes.h"
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

// The path that the bound met, alone.
Problem single_path(const Problem& problem, const Bound& bound) {
  Problem result = problem;
  for (std::size_t c = 0; c < result.classes.size(); ++c) {
    std::vector<Option>& options = result.classes[c];
    const std::int32_t option = bound.best[c].option;
    if (option < 0) {
      options.clear();
    } else {
      Option taken = options[option];
      taken.picks.resize(1);
      options = {std::move(taken)};
    }
  }
  return result;
}

struct Restricted {
  Problem problem;
  Compiled compiled;
  double complete_to_s;
};

// The widest diagram that the limits hold, and the bound's path when they hold none.
Restricted restricted(const Problem& problem, const Limits& limits) {
  const Bound known = bound(problem, bound_rounds, limits.stop);
  Problem best = single_path(problem, known);
  Limits free;
  Restricted result{best, *compile(best, free), known.lower_s};
  for (const double width : widths(problem, known, std::numeric_limits<double>::infinity())) {
    Problem wider = narrowed(problem, known, width);
    std::optional<Compiled> compiled = compile(wider, limits);
    if (!compiled) break;
    result = {std::move(wider), *std::move(compiled), known.lower_s + width};
  }
  return result;
}

}  // namespace

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
    Restricted part = restricted(made->problem, limits);
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
