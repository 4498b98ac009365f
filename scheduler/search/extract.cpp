#include "scheduler/search/extract.h"

#include <algorithm>

#include "scheduler/search/acyclic.h"
#include "scheduler/search/nodes.h"
#include "scheduler/search/polish.h"
#include "scheduler/search/relaxed.h"
#include "scheduler/search/widths.h"

namespace paceline::search {
namespace {

constexpr int bound_rounds = 60;
constexpr double exact_to = 1e-9;  // Relative: what rounding may blur.

bool is_subset(const Option& a, const Option& b) {
  return std::includes(b.children.begin(), b.children.end(), a.children.begin(), a.children.end());
}

// Without picks that no cheapest path needs: dearer ones with the same children, and options that
// need more and cost as much.
Problem without_dominated(Problem problem) {
  for (std::vector<Option>& options : problem.classes) {
    for (Option& option : options) option.picks.resize(1);
    std::stable_sort(options.begin(), options.end(), [](const Option& a, const Option& b) {
      return a.picks[0].cost < b.picks[0].cost ||
             (a.picks[0].cost == b.picks[0].cost && a.children.size() < b.children.size());
    });
    std::vector<Option> kept;
    for (Option& option : options) {
      if (std::none_of(kept.begin(), kept.end(),
                       [&](const Option& better) { return is_subset(better, option); })) {
        kept.push_back(std::move(option));
      }
    }
    options = std::move(kept);
  }
  return problem;
}

class Extractor {
 public:
  Extractor(const Space& space, const Limits& limits)
      : space_(space), limits_(limits), problem_(without_dominated(problem_of(space))) {
    result_.best = follow(space, tree_costs(space).choice);
  }

  Extraction run() {
    while (!result_.is_exact && tighten()) {
    }
    if (result_.is_exact) result_.lower_bound_s = result_.best.cost_s;
    return std::move(result_);
  }

 private:
  bool is_stopped() const { return limits_.stop && limits_.stop(); }

  // One round of bound, cuts and diagrams. False when another one is not worth it.
  bool tighten() {
    const Bound known = bound(problem_, bound_rounds, limits_.stop);
    if (improve_by(known) || is_stopped()) return false;
    if (cut(known)) return !result_.is_exact;
    return !is_solved_whole(part_of(limits_, 10)) && strengthen();
  }

  // Drops what cannot beat the best. True when that took so much that starting over is better.
  bool cut(const Bound& known) {
    const std::size_t before = size();
    auto rest = narrowed(problem_, known, result_.best.cost_s - known.lower_s);
    if (!rest) return settle(result_.best.cost_s);
    problem_ = *std::move(rest);
    return size() < before - before / 20;
  }

  bool is_solved_whole(const Limits& limits) {
    const auto compiled = compile(problem_, limits);
    if (!compiled) return false;
    keep(problem_, *compiled);
    return settle(result_.best.cost_s);
  }

  // Cuts by a bound that costs more. True when that took so much that starting over is better.
  bool strengthen() {
    const Bound known = strong_bound(problem_, bound_rounds, limits_);
    if (improve_by(known) || is_stopped()) return false;
    if (cut(known)) return !result_.is_exact;
    return !is_solved_whole(limits_) && widen(known);
  }

  // Diagrams of growing width: each gives a path and, by what it lacks, a bound. True when they
  // brought the two so much nearer that starting over is better.
  bool widen(const Bound& known) {
    const double gap_before_s = gap_s();
    for (const double width : widths(problem_, known, result_.best.cost_s - known.lower_s)) {
      if (is_stopped()) return false;
      if (!try_part(problem_, known, width)) break;
      if (settle(known.lower_s + width)) return false;
    }
    if (!is_stopped()) search_around();
    return gap_s() < 0.8 * gap_before_s && !is_stopped();
  }

  // The surroundings of a good path, as far as they fit: better paths, and no bound.
  void search_around() {
    std::vector<Taken> taken = bound(problem_, 1, limits_.stop).best;
    polish(problem_, taken);
    const Bound order{.reduced_s = regrets_s(problem_, taken)};
    for (const double width : widths(problem_, order, result_.best.cost_s)) {
      if (is_stopped() || !try_part(problem_, order, width)) break;
    }
  }

  // False when the diagram does not fit.
  bool try_part(const Problem& whole, const Bound& order, double width) {
    const auto part = narrowed(whole, order, width);
    if (!part) return true;
    const auto compiled = compile(*part, part_of(limits_, 8));
    if (compiled) keep(*part, *compiled);
    return compiled.has_value();
  }

  bool improve_by(const Bound& known) {
    std::vector<Taken> taken = known.best;
    polish(problem_, taken);
    improve(solution_of(space_, problem_, taken));
    return settle(known.lower_s);
  }

  // Notes that no path that is left costs less than `lower_s`; what was cut costs no less than the
  // best. True when this ends the search.
  bool settle(double lower_s) {
    const double best_s = result_.best.cost_s;
    result_.lower_bound_s = std::max(result_.lower_bound_s, std::min(lower_s, best_s));
    result_.is_exact = result_.lower_bound_s >= best_s * (1 - exact_to);
    return result_.is_exact;
  }

  void keep(const Problem& problem, const Compiled& compiled) {
    result_.states = std::max(result_.states, compiled.states);
    std::vector<Taken> taken = cheapest_of(problem, compiled);
    polish(problem, taken);
    improve(solution_of(space_, problem, taken));
  }

  void improve(Solution found) {
    if (found.cost_s < result_.best.cost_s) result_.best = std::move(found);
  }

  double gap_s() const { return std::max(0.0, result_.best.cost_s - result_.lower_bound_s); }

  std::size_t size() const {
    std::size_t options = 0;
    for (const auto& of_class : problem_.classes) options += of_class.size();
    return options;
  }

  const Space& space_;
  const Limits& limits_;
  Problem problem_;
  Extraction result_;
};

}  // namespace

double Extraction::gap() const {
  return best.cost_s > 0 ? (best.cost_s - lower_bound_s) / best.cost_s : 0;
}

Extraction extract(const Space& space, const Limits& limits) {
  validate(limits);
  return Extractor(space, limits).run();
}

}  // namespace paceline::search
