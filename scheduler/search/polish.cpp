#include "scheduler/search/polish.h"

#include <algorithm>
#include <limits>

namespace paceline::search {
namespace {

class Polisher {
 public:
  Polisher(const Problem& problem, const std::vector<Taken>& taken)
      : problem_(problem), choice_(cheapest_trees(problem)), is_reached_(problem.classes.size()) {
    for (std::size_t c = 0; c < taken.size(); ++c) {
      if (taken[c].option >= 0) choice_[c] = taken[c].option;
    }
  }

  Fixed run(std::vector<Taken>& taken) {
    constexpr int sweeps_max = 10;
    Fixed best = cost();
    bool improves = true;
    for (int sweep = 0; improves && sweep < sweeps_max; ++sweep) {
      improves = false;
      for (std::size_t c = 0; c < choice_.size(); ++c) improves |= improve(c, best);
    }
    cost();
    for (std::size_t c = 0; c < taken.size(); ++c) taken[c] = {is_reached_[c] ? choice_[c] : -1};
    return best;
  }

  std::vector<std::vector<double>> regrets_s() {
    const Fixed best = cost();
    const std::vector<char> is_reached = is_reached_;
    std::vector<std::vector<double>> result;
    for (std::size_t c = 0; c < choice_.size(); ++c) {
      const std::int32_t taken = choice_[c];
      result.emplace_back(problem_.classes[c].size(), std::numeric_limits<double>::infinity());
      for (std::size_t o = 0; is_reached[c] && o < problem_.classes[c].size(); ++o) {
        choice_[c] = static_cast<std::int32_t>(o);
        result[c][o] = std::max(0.0, to_seconds(cost() - best));
      }
      choice_[c] = taken;
      if (taken >= 0) result[c][taken] = 0;
    }
    return result;
  }

 private:
  static std::vector<std::int32_t> cheapest_trees(const Problem& problem) {
    std::vector<std::int32_t> choice(problem.classes.size(), -1);
    std::vector<double> cost(problem.classes.size(), std::numeric_limits<double>::infinity());
    for (std::size_t c = choice.size(); c-- > 0;) {
      for (std::size_t o = 0; o < problem.classes[c].size(); ++o) {
        const Option& option = problem.classes[c][o];
        double total = to_seconds(option.picks.front().cost);
        for (const std::int32_t child : option.children) total += cost[child];
        if (total >= cost[c]) continue;
        cost[c] = total;
        choice[c] = static_cast<std::int32_t>(o);
      }
    }
    return choice;
  }

  Fixed cost() {
    is_reached_.assign(is_reached_.size(), false);
    for (const std::int32_t root : problem_.roots) is_reached_[root] = true;
    Fixed total = 0;
    for (std::size_t c = 0; c < choice_.size(); ++c) {
      if (!is_reached_[c]) continue;
      const Option& option = problem_.classes[c][choice_[c]];
      total += option.picks.front().cost;
      for (const std::int32_t child : option.children) is_reached_[child] = true;
    }
    return total;
  }

  bool improve(std::size_t at, Fixed& best) {
    if (!is_reached_[at]) return false;
    const Fixed before = best;
    std::int32_t kept = choice_[at];
    for (std::size_t o = 0; o < problem_.classes[at].size(); ++o) {
      choice_[at] = static_cast<std::int32_t>(o);
      const Fixed found = cost();
      if (found >= best) continue;
      best = found;
      kept = choice_[at];
    }
    choice_[at] = kept;
    cost();
    return best < before;
  }

  const Problem& problem_;
  std::vector<std::int32_t> choice_;
  std::vector<char> is_reached_;
};

}  // namespace

Fixed polish(const Problem& problem, std::vector<Taken>& taken) {
  return Polisher(problem, taken).run(taken);
}

std::vector<std::vector<double>> regrets_s(const Problem& problem,
                                           const std::vector<Taken>& taken) {
  return Polisher(problem, taken).regrets_s();
}

}  // namespace paceline::search
