#include "scheduler/search/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "scheduler/search/must.h"

namespace paceline::search {
namespace {

// Covers the rounding of sums of doubles: bounds give way by this part of themselves.
constexpr double rounding = 1e-10;

// A class that may be read through some option of a reader, and the share that the reader pays.
struct Link {
  std::int32_t child = 0;
  double share = 0;  // Of the child's value, between 0 and 1.
  double price_s = 0;
};

class Dual {
 public:
  explicit Dual(const Problem& problem)
      : problem_(problem), always_(Must(problem).always(problem)) {
    const std::size_t count = problem.classes.size();
    value_s_.resize(count);
    choice_.resize(count);
    readers_.resize(count);
    options_.resize(count);
    for (std::size_t c = 0; c < count; ++c) link(c);
    for (auto& readers : readers_) {
      for (const std::int32_t at : readers) {
        links_[at].share = 1.0 / static_cast<double>(readers.size());
      }
    }
  }

  Bound run(int rounds, const std::function<bool()>& stop) {
    double step = 1.0;
    for (int round = 0; round < rounds; ++round) {
      const double lower = price();
      if (round == 0 || lower > best_.lower_s) {
        best_.lower_s = lower;
        keep_reduced();
      } else {
        step *= 0.93;
      }
      follow();
      if (is_closed() || (round + 1 < rounds && stop && stop())) break;
      move(step);
    }
    best_.lower_s *= 1 - rounding;
    return std::move(best_);
  }

 private:
  struct Priced {
    double cost_s;
    std::vector<std::int32_t> links;
  };

  void link(std::size_t at) {
    std::vector<std::pair<std::int32_t, std::int32_t>> known;  // Child, link.
    for (const Option& option : problem_.classes[at]) {
      Priced priced{to_seconds(option.picks.front().cost), {}};
      for (const std::int32_t child : option.children) {
        if (always_[child]) continue;
        auto found = std::find_if(known.begin(), known.end(),
                                  [&](const auto& pair) { return pair.first == child; });
        if (found == known.end()) {
          known.emplace_back(child, static_cast<std::int32_t>(links_.size()));
          readers_[child].push_back(known.back().second);
          links_.push_back({child});
          found = known.end() - 1;
        }
        priced.links.push_back(found->second);
      }
      options_[at].push_back(std::move(priced));
    }
  }

  double reduced(const Priced& option) const {
    double cost = option.cost_s;
    for (const std::int32_t at : option.links) cost += links_[at].price_s;
    return cost;
  }

  // Values and prices from the leaves up; the sum over what every path needs is the bound.
  double price() {
    double lower = 0;
    for (std::size_t c = problem_.classes.size(); c-- > 0;) {
      value_s_[c] = std::numeric_limits<double>::infinity();
      for (std::size_t o = 0; o < options_[c].size(); ++o) {
        const double cost = reduced(options_[c][o]);
        if (cost >= value_s_[c]) continue;
        value_s_[c] = cost;
        choice_[c] = static_cast<std::int32_t>(o);
      }
      for (const std::int32_t at : readers_[c]) links_[at].price_s = links_[at].share * value_s_[c];
      if (always_[c]) lower += value_s_[c];
    }
    return lower;
  }

  void keep_reduced() {
    best_.reduced_s.resize(options_.size());
    for (std::size_t c = 0; c < options_.size(); ++c) {
      best_.reduced_s[c].clear();
      for (const Priced& option : options_[c]) {
        best_.reduced_s[c].push_back(reduced(option) - value_s_[c]);
      }
    }
  }

  // The path of the cheapest options, and which links it uses.
  void follow() {
    is_reached_.assign(options_.size(), false);
    is_used_.assign(links_.size(), false);
    for (const std::int32_t root : problem_.roots) is_reached_[root] = true;
    Fixed cost = 0;
    for (std::size_t c = 0; c < options_.size(); ++c) {
      if (!is_reached_[c]) continue;
      const Option& option = problem_.classes[c][choice_[c]];
      cost += option.picks.front().cost;
      for (const std::int32_t child : option.children) is_reached_[child] = true;
      for (const std::int32_t at : options_[c][choice_[c]].links) is_used_[at] = true;
    }
    if (!best_.best.empty() && cost >= best_.best_cost) return;
    best_.best_cost = cost;
    best_.best.assign(options_.size(), {});
    for (std::size_t c = 0; c < options_.size(); ++c) {
      if (is_reached_[c]) best_.best[c].option = choice_[c];
    }
  }

  bool is_closed() const { return to_seconds(best_.best_cost) <= best_.lower_s * (1 + rounding); }

  // Who reads pays more, who does not pays less.
  void move(double step) {
    for (const auto& readers : readers_) {
      const auto used = std::count_if(readers.begin(), readers.end(),
                                      [&](std::int32_t at) { return is_used_[at]; });
      if (used == 0 || used == static_cast<std::int64_t>(readers.size())) continue;
      double sum = 0;
      for (const std::int32_t at : readers) {
        links_[at].share *= std::exp(is_used_[at] ? step : -step);
        links_[at].share = std::max(links_[at].share, 1e-6);
        sum += links_[at].share;
      }
      for (const std::int32_t at : readers) links_[at].share /= sum;
    }
  }

  const Problem& problem_;
  std::vector<bool> always_;
  std::vector<std::vector<Priced>> options_;
  std::vector<Link> links_;
  std::vector<std::vector<std::int32_t>> readers_;  // Links to each class.
  std::vector<double> value_s_;
  std::vector<std::int32_t> choice_;
  std::vector<bool> is_reached_;
  std::vector<bool> is_used_;
  Bound best_;
};

// So that they are nobody's readers.
void drop_unreached(Problem& problem) {
  std::vector<bool> is_reached(problem.classes.size());
  for (const std::int32_t root : problem.roots) is_reached[root] = true;
  for (std::size_t c = 0; c < problem.classes.size(); ++c) {
    if (!is_reached[c]) problem.classes[c].clear();
    for (const Option& option : problem.classes[c]) {
      for (const std::int32_t child : option.children) is_reached[child] = true;
    }
  }
}

}  // namespace

Bound bound(const Problem& problem, int rounds, const std::function<bool()>& stop) {
  return Dual(problem).run(rounds, stop);
}

std::optional<Problem> narrowed(const Problem& problem, const Bound& bound, double width_s) {
  const double limit = width_s + bound.lower_s * rounding;
  Problem result = problem;
  for (std::size_t c = result.classes.size(); c-- > 0;) {
    std::vector<Option>& options = result.classes[c];
    for (std::size_t o = 0; o < options.size(); ++o) {
      std::vector<Pick>& picks = options[o].picks;
      const Fixed cheapest = picks.front().cost;
      std::erase_if(picks, [&](const Pick& pick) {
        return bound.reduced_s[c][o] + to_seconds(pick.cost - cheapest) > limit;
      });
    }
    std::erase_if(options, [&](const Option& option) {
      return option.picks.empty() ||
             std::any_of(option.children.begin(), option.children.end(),
                         [&](std::int32_t child) { return result.classes[child].empty(); });
    });
  }
  for (const std::int32_t root : result.roots) {
    if (result.classes[root].empty()) return std::nullopt;
  }
  drop_unreached(result);
  return result;
}

}  // namespace paceline::search
