#include "scheduler/branches/bundles.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <span>

namespace paceline::branches {

namespace {

using Node32 = std::int32_t;

// Longer bundles than of so many levels are not tried: memory lives as long as its bundle.
constexpr std::size_t levels_max = 8;

class Search {
 public:
  Search(const Graph& graph, const std::vector<std::optional<NodeTime>>& times, int threads)
      : times_(times), threads_(threads), before_(graph.nodes().size()) {
    std::vector<std::set<Node32>> made_by(graph.nodes().size());
    std::vector<std::size_t> level(graph.nodes().size());
    for (Node32 n = 0; n < std::ssize(graph.nodes()); ++n) {
      for (const ValueRef input : graph.node(n).inputs)
        made_by[n].merge(std::set(made_by[input.node]));
      if (!times[n]) continue;
      for (const Node32 source : made_by[n]) level[n] = std::max(level[n], level[source] + 1);
      before_[n].assign(made_by[n].begin(), made_by[n].end());
      made_by[n] = {n};
      if (levels_.size() <= level[n]) levels_.resize(level[n] + 1);
      levels_[level[n]].push_back(n);
    }
  }

  Bundles run() {
    std::vector<Step> best(levels_.size() + 1);
    for (std::size_t end = 1; end < best.size(); ++end) {
      best[end] = {best[end - 1].seconds + one_by_one_s(levels_[end - 1]), end - 1, false};
      for (std::size_t first = end; first-- > 0 && end - first <= levels_max;) {
        const double seconds = best[first].seconds + side_by_side_s(first, end);
        if (seconds < best[end].seconds) best[end] = {seconds, first, true};
      }
    }
    std::vector<Step> taken;
    for (std::size_t end = levels_.size(); end > 0; end = best[end].first) {
      taken.push_back(best[end]);
      taken.back().end = end;
    }
    std::ranges::reverse(taken);
    for (const Step& step : taken) take(step);
    return std::move(bundles_);
  }

 private:
  // Levels from `first` on.
  struct Step {
    double seconds = 0;  // Of these and all before.
    std::size_t first = 0;
    bool is_bundle = false;
    std::size_t end = 0;
  };

  bool takes_one(Node32 n) const { return times_[n]->one_s < times_[n]->all_s; }

  double one_by_one_s(std::span<const Node32> nodes) const {
    double seconds = 0;
    for (const Node32 n : nodes) seconds += std::min(times_[n]->all_s, times_[n]->one_s);
    return seconds;
  }

  // Infinite where there is but one lane.
  double side_by_side_s(std::size_t first, std::size_t end) const {
    std::vector<double> lanes = lanes_s(first, end);
    if (lanes.size() < 2) return std::numeric_limits<double>::infinity();
    // The longest first, each to who is free first.
    std::ranges::sort(lanes, std::greater<>());
    std::vector<double> busy_s(static_cast<std::size_t>(threads_));
    for (const double lane : lanes) *std::ranges::min_element(busy_s) += lane;
    return turn_s + *std::ranges::max_element(busy_s);
  }

  // What each lane takes of those levels as one bundle.
  std::vector<double> lanes_s(std::size_t first, std::size_t end) const {
    std::map<Node32, Node32> lane;  // By node, the lane's first one or what leads to it.
    const auto find = [&](Node32 n) {
      while (lane.at(n) != n) n = lane.at(n);
      return n;
    };
    for (std::size_t level = first; level < end; ++level) {
      for (const Node32 n : levels_[level]) {
        lane[n] = n;
        for (const Node32 source : before_[n]) {
          if (lane.contains(source)) lane[find(source)] = n;
        }
      }
    }
    std::map<Node32, double> seconds;
    for (const auto& [n, unused] : lane) seconds[find(n)] += times_[n]->one_s;
    std::vector<double> lanes;
    for (const auto& [unused, lane_s] : seconds) lanes.push_back(lane_s);
    return lanes;
  }

  void take(const Step& step) {
    if (bundles_.of.empty()) bundles_.of.assign(times_.size(), -1);
    for (std::size_t level = step.first; level < step.end; ++level) {
      for (const Node32 n : levels_[level]) {
        if (step.is_bundle || takes_one(n)) bundles_.of[n] = count_;
        if (!step.is_bundle && takes_one(n)) ++count_;
        bundles_.saved_s += times_[n]->all_s;
      }
    }
    if (step.is_bundle) ++count_;
    bundles_.saved_s -= step.seconds - done_s_;
    done_s_ = step.seconds;
  }

  const std::vector<std::optional<NodeTime>>& times_;
  const int threads_;
  std::vector<std::vector<Node32>> before_;  // By node: work that it needs.
  std::vector<std::vector<Node32>> levels_;
  Bundles bundles_;
  Node32 count_ = 0;
  double done_s_ = 0;
};

}  // namespace

Bundles find_bundles(const Graph& graph, const std::vector<std::optional<NodeTime>>& times,
                     int threads) {
  Bundles bundles = Search(graph, times, threads).run();
  bundles.of.resize(times.size(), -1);
  return bundles;
}

}  // namespace paceline::branches
