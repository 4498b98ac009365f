#include "scheduler/search/relaxed.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "scheduler/search/components.h"
#include "scheduler/search/nodes.h"

namespace paceline::search {
namespace {

constexpr Fixed unreached = std::numeric_limits<Fixed>::max() / 4;

// The coarser problem, and where each option went.
struct Coarse {
  Problem problem;
  std::vector<std::int32_t> group;                // By class.
  std::vector<std::vector<std::int32_t>> option;  // By class and option; -1: within a group.
  // By group: a path may need it through options within groups alone, and its image may not.
  std::vector<char> may_miss;
};

bool is_link(const Option& option, Fixed merged_max) {
  return option.children.size() == 1 && option.picks.front().cost <= merged_max;
}

// By class: its cheapest option that is no link; -1 where all are.
std::vector<double> own_costs(const Problem& problem, Fixed merged_max) {
  std::vector<double> result(problem.classes.size(), -1);
  for (std::size_t c = 0; c < result.size(); ++c) {
    for (const Option& option : problem.classes[c]) {
      if (is_link(option, merged_max)) continue;
      const double cost = to_seconds(option.picks.front().cost);
      if (result[c] < 0 || cost < result[c]) result[c] = cost;
    }
  }
  return result;
}

// Forms of one value cost about the same to compute. A part and its whole do not, and to take them
// for one would lose most of the bound.
bool are_alike(double a, double b) {
  constexpr double ratio_max = 1.8;
  return a < 0 || b < 0 || std::max(a, b) <= ratio_max * std::min(a, b);
}

// Groups of linked classes, and of groups that read each other; numbered from readers to read.
std::vector<std::int32_t> groups(const Problem& problem, Fixed merged_max) {
  const auto count = static_cast<std::int32_t>(problem.classes.size());
  Space reading;
  reading.classes.resize(count);
  reading.roots = problem.roots;
  const std::vector<double> own_s = own_costs(problem, merged_max);
  for (std::int32_t c = 0; c < count; ++c) {
    for (const Option& option : problem.classes[c]) {
      reading.classes[c].push_back({0, option.children});
      // To be linked is to read each other.
      const std::int32_t child = option.children.empty() ? c : option.children.front();
      if (is_link(option, merged_max) && are_alike(own_s[c], own_s[child])) {
        reading.classes[child].push_back({0, {c}});
      }
    }
  }
  std::vector<std::int32_t> group = strong_components(reading);
  const std::int32_t last = *std::max_element(group.begin(), group.end());
  for (std::int32_t& number : group) {
    if (number >= 0) number = last - number;  // Components come children first.
  }
  return group;
}

Coarse coarse(const Problem& problem, Fixed merged_max) {
  Coarse result;
  result.group = groups(problem, merged_max);
  result.option.resize(problem.classes.size());
  const std::int32_t count = *std::max_element(result.group.begin(), result.group.end()) + 1;
  std::vector<std::map<std::vector<std::int32_t>, std::int32_t>> known(count);
  result.problem.classes.resize(count);
  result.may_miss.resize(count);
  for (std::size_t c = 0; c < problem.classes.size(); ++c) {
    const std::int32_t group = result.group[c];
    for (const Option& option : problem.classes[c]) {
      std::vector<std::int32_t> children;
      for (const std::int32_t child : option.children) children.push_back(result.group[child]);
      std::sort(children.begin(), children.end());
      children.erase(std::unique(children.begin(), children.end()), children.end());
      if (std::binary_search(children.begin(), children.end(), group)) {
        for (const std::int32_t child : children) result.may_miss[child] |= child != group;
        result.option[c].push_back(-1);
        continue;
      }
      std::vector<Option>& options = result.problem.classes[group];
      const auto [found, is_new] =
          known[group].try_emplace(children, static_cast<std::int32_t>(options.size()));
      if (is_new) options.push_back({children, {option.picks.front()}});
      Fixed& cost = options[found->second].picks.front().cost;
      cost = std::min(cost, option.picks.front().cost);
      result.option[c].push_back(found->second);
    }
  }
  for (std::int32_t g = 0; g < count; ++g) {
    for (const Option& option : result.problem.classes[g]) {
      for (const std::int32_t child : option.children) {
        result.may_miss[child] |= result.may_miss[g];
      }
    }
  }
  for (const std::int32_t root : problem.roots) result.problem.roots.push_back(result.group[root]);
  std::sort(result.problem.roots.begin(), result.problem.roots.end());
  auto& roots = result.problem.roots;
  roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
  return result;
}

// The cheapest path through each option.
std::vector<std::vector<Fixed>> through(const Problem& problem, const Compiled& compiled) {
  std::vector<Fixed> around(compiled.nodes.size(), unreached);  // The rest of a path, by node.
  std::vector<std::vector<Fixed>> result;
  for (const auto& options : problem.classes) result.emplace_back(options.size(), unreached);
  around[compiled.root] = 0;
  const auto lower = [&](std::int32_t node, Fixed cost) {
    around[node] = std::min(around[node], cost);
  };
  for (auto at = static_cast<std::int32_t>(compiled.nodes.size()) - 1; at >= 0; --at) {
    const DiagramNode& node = compiled.nodes[at];
    if (around[at] == unreached) continue;
    if (node.kind == DiagramNode::Kind::leaf) {
      result[node.first][node.second] = around[at] + node.best;
    } else if (node.kind == DiagramNode::Kind::product) {
      lower(node.first, around[at] + compiled.nodes[node.second].best);
      lower(node.second, around[at] + compiled.nodes[node.first].best);
    } else {
      for (std::int32_t i = 0; i < node.second; ++i) {
        lower(compiled.links[node.first + i], around[at]);
      }
    }
  }
  return result;
}

// Takes of each the stronger: `other` holds too.
void sharpen(Bound& bound, const Bound& other) {
  const double lower_s = std::max(bound.lower_s, other.lower_s);
  for (std::size_t c = 0; c < bound.reduced_s.size(); ++c) {
    for (std::size_t o = 0; o < bound.reduced_s[c].size(); ++o) {
      double& reduced_s = bound.reduced_s[c][o];
      reduced_s = std::max({0.0, bound.lower_s + reduced_s - lower_s,
                            other.lower_s + other.reduced_s[c][o] - lower_s});
    }
  }
  bound.lower_s = lower_s;
}

// Costs of links, ascending: how much may be merged.
std::vector<Fixed> link_costs(const Problem& problem) {
  std::vector<Fixed> costs;
  for (const auto& options : problem.classes) {
    for (const Option& option : options) {
      if (option.children.size() == 1) costs.push_back(option.picks.front().cost);
    }
  }
  std::sort(costs.begin(), costs.end());
  return costs;
}

std::size_t options_of(const Problem& problem) {
  std::size_t options = 0;
  for (const auto& of_class : problem.classes) options += of_class.size();
  return options;
}

}  // namespace

std::optional<Bound> relaxed_bound(const Problem& problem, double merged_max_s,
                                   const Limits& limits) {
  const Coarse made = coarse(problem, to_fixed(merged_max_s));
  const auto compiled = compile(made.problem, limits);
  if (!compiled) return std::nullopt;
  const auto costs = through(made.problem, *compiled);
  const Fixed lowest = compiled->nodes[compiled->root].best;
  Bound result{.lower_s = to_seconds(lowest)};
  result.reduced_s.resize(problem.classes.size());
  for (std::size_t c = 0; c < problem.classes.size(); ++c) {
    const std::int32_t group = made.group[c];
    for (std::size_t o = 0; o < problem.classes[c].size(); ++o) {
      // What the image of a path lacks, the path pays on top.
      const Fixed own = problem.classes[c][o].picks.front().cost;
      const std::int32_t to = made.option[c][o];
      Fixed image = lowest;
      if (to >= 0) {
        image = costs[group][to] - made.problem.classes[group][to].picks.front().cost;
      } else {
        image = *std::min_element(costs[group].begin(), costs[group].end());
      }
      if (made.may_miss[group]) image = std::min(image, lowest);
      result.reduced_s[c].push_back(std::max(0.0, to_seconds(image + own - lowest)));
    }
  }
  return result;
}

Bound strong_bound(const Problem& problem, int rounds, const Limits& limits) {
  Bound result = bound(problem, rounds, limits.stop);
  const Limits small = part_of(limits, 10);
  const std::vector<Fixed> costs = link_costs(problem);
  Fixed last = -1;
  for (const double quantile : {0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.0}) {
    if (costs.empty() || (limits.stop && limits.stop())) break;
    const Fixed merged_max =
        costs[static_cast<std::size_t>(quantile * static_cast<double>(costs.size()))];
    if (merged_max == last) continue;
    last = merged_max;
    const auto relaxed = relaxed_bound(problem, to_seconds(merged_max), small);
    if (!relaxed) break;
    sharpen(result, *relaxed);
  }
  return result;
}

std::optional<Problem> cut_to(const Problem& problem, const Bound& bound, double target_s,
                              const Limits& limits) {
  constexpr int rounds = 60;
  std::optional<Problem> rest = narrowed(problem, bound, target_s - bound.lower_s);
  std::size_t before = options_of(problem);
  while (rest && options_of(*rest) < before - before / 10 && !(limits.stop && limits.stop())) {
    before = options_of(*rest);
    const Bound again = strong_bound(*rest, rounds, part_of(limits, 4));
    rest = narrowed(*rest, again, target_s - again.lower_s);
  }
  return rest;
}

}  // namespace paceline::search
