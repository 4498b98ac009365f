#include "scheduler/search/acyclic.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

#include "scheduler/search/components.h"

namespace paceline::search {
namespace {

std::vector<std::int32_t> distinct(std::vector<std::int32_t> items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return items;
}

class Knuth {
 public:
  explicit Knuth(const Space& space) : space_(space) {
    const std::size_t count = space.classes.size();
    result_.cost_s.assign(count, std::numeric_limits<double>::infinity());
    result_.choice.assign(count, -1);
    result_.rank.assign(count, -1);
    readers_.resize(count);
    for (std::size_t c = 0; c < count; ++c) waiting_.emplace_back(space.classes[c].size());
    for (std::size_t c = 0; c < count; ++c) announce(static_cast<std::int32_t>(c));
  }

  TreeCosts run() {
    std::int32_t rank = 0;
    while (!offers_.empty()) {
      const auto [cost, at, choice] = offers_.top();
      offers_.pop();
      if (result_.rank[at] >= 0) continue;
      result_.rank[at] = rank++;
      result_.choice[at] = choice;
      result_.cost_s[at] = cost;
      for (const auto& [reader, alternative] : readers_[at]) {
        if (--waiting_[reader][alternative] == 0) offer(reader, alternative);
      }
    }
    return std::move(result_);
  }

 private:
  using Offer = std::tuple<double, std::int32_t, std::int32_t>;  // Cost, class, alternative.

  void announce(std::int32_t at) {
    for (std::size_t a = 0; a < space_.classes[at].size(); ++a) {
      const auto index = static_cast<std::int32_t>(a);
      const auto children = distinct(space_.classes[at][a].children);
      waiting_[at][a] = static_cast<std::int32_t>(children.size());
      for (const std::int32_t child : children) readers_[child].emplace_back(at, index);
      if (children.empty()) offer(at, index);
    }
  }

  // Once all children are settled.
  void offer(std::int32_t at, std::int32_t index) {
    double cost = space_.classes[at][index].cost_s;
    for (const std::int32_t child : distinct(space_.classes[at][index].children)) {
      cost += result_.cost_s[child];
    }
    offers_.emplace(cost, at, index);
  }

  const Space& space_;
  TreeCosts result_;
  std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> readers_;
  std::vector<std::vector<std::int32_t>> waiting_;  // Unsettled children by alternative.
  std::priority_queue<Offer, std::vector<Offer>, std::greater<>> offers_;
};

}  // namespace

TreeCosts tree_costs(const Space& space) {
  validate(space);
  return Knuth(space).run();
}

Acyclic acyclic(Space space) {
  const TreeCosts costs = tree_costs(space);
  Acyclic result{.space = std::move(space)};
  for (auto& alternatives : result.space.classes) {
    result.uncomputable +=
        static_cast<std::int64_t>(std::erase_if(alternatives, [&](const Alternative& alternative) {
          return std::any_of(alternative.children.begin(), alternative.children.end(),
                             [&](std::int32_t child) { return costs.rank[child] < 0; });
        }));
  }
  const std::vector<std::int32_t> component = strong_components(result.space);
  for (std::size_t c = 0; c < component.size(); ++c) {
    if (component[c] < 0) continue;
    result.cut += static_cast<std::int64_t>(
        std::erase_if(result.space.classes[c], [&](const Alternative& alternative) {
          return std::any_of(
              alternative.children.begin(), alternative.children.end(), [&](std::int32_t child) {
                return component[child] == component[c] && costs.rank[child] >= costs.rank[c];
              });
        }));
  }
  return result;
}

}  // namespace paceline::search
