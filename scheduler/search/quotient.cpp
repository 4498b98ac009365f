#include "scheduler/search/quotient.h"

#include <algorithm>
#include <numeric>

#include "scheduler/search/acyclic.h"
#include "scheduler/search/components.h"

namespace paceline::search {
namespace {

bool is_free_move(const Alternative& alternative) {
  const auto& children = alternative.children;
  return alternative.cost_s == 0 && !children.empty() &&
         std::all_of(children.begin(), children.end(),
                     [&](std::int32_t child) { return child == children.front(); });
}

// The space with nothing but its free moves, from everywhere.
Space moves_of(const Space& space) {
  Space moves;
  for (const auto& alternatives : space.classes) {
    moves.classes.emplace_back();
    std::copy_if(alternatives.begin(), alternatives.end(), std::back_inserter(moves.classes.back()),
                 is_free_move);
  }
  moves.roots.resize(space.classes.size());
  std::iota(moves.roots.begin(), moves.roots.end(), 0);
  return moves;
}

}  // namespace

Quotient::Quotient(const Space& original) : original_(original) {
  validate(original_);
  group_ = strong_components(moves_of(original_));
  find_moves();
  merge();
  Acyclic made = acyclic(std::move(space_));
  space_ = std::move(made.space);
  cut_ = made.cut;
}

void Quotient::find_moves() {
  moves_.resize(original_.classes.size());
  for (std::size_t c = 0; c < moves_.size(); ++c) {
    for (std::size_t a = 0; a < original_.classes[c].size(); ++a) {
      const Alternative& alternative = original_.classes[c][a];
      if (!is_free_move(alternative)) continue;
      const std::int32_t to = alternative.children.front();
      if (group_[to] == group_[c]) moves_[c].push_back({to, static_cast<std::int32_t>(a)});
    }
  }
}

// An alternative that reads its own group is never needed: what it reads is as good.
void Quotient::merge() {
  const auto last = std::max_element(group_.begin(), group_.end());
  space_.classes.resize(static_cast<std::size_t>(*last) + 1);
  for (std::size_t c = 0; c < group_.size(); ++c) {
    for (std::size_t a = 0; a < original_.classes[c].size(); ++a) {
      Alternative alternative = original_.classes[c][a];
      bool is_inner = false;
      for (std::int32_t& child : alternative.children) {
        child = group_[child];
        is_inner = is_inner || child == group_[c];
      }
      if (is_inner) continue;
      alternative.tag = static_cast<std::int64_t>(origins_.size());
      origins_.push_back({static_cast<std::int32_t>(c), static_cast<std::int32_t>(a)});
      space_.classes[group_[c]].push_back(std::move(alternative));
    }
  }
  for (const std::int32_t root : original_.roots) space_.roots.push_back(group_[root]);
}

Solution Quotient::lift(const Solution& solution) const {
  std::vector<std::int32_t> preferred(original_.classes.size(), -1);
  std::vector<std::int32_t> read = original_.roots;
  for (std::size_t g = 0; g < space_.classes.size(); ++g) {
    if (solution.chosen[g] < 0) continue;
    const Origin origin = origins_[space_.classes[g][solution.chosen[g]].tag];
    preferred[origin.in_class] = origin.alternative;
    const auto& children = original_.classes[origin.in_class][origin.alternative].children;
    read.insert(read.end(), children.begin(), children.end());
  }
  for (const std::int32_t at : read) route(at, preferred);
  return follow(original_, preferred);
}

// The shortest way by free moves to a member that is decided: breadth first.
void Quotient::route(std::int32_t from, std::vector<std::int32_t>& preferred) const {
  if (preferred[from] >= 0) return;
  struct Step {
    std::int32_t at;
    std::int32_t before;  // Its place in `steps`.
    std::int32_t alternative;
  };
  std::vector<Step> steps = {{from, -1, -1}};
  const auto is_seen = [&](std::int32_t at) {
    return std::any_of(steps.begin(), steps.end(), [&](const Step& step) { return step.at == at; });
  };
  std::size_t next = 0;
  while (preferred[steps[next].at] < 0) {
    for (const Move& move : moves_[steps[next].at]) {
      if (!is_seen(move.to)) {
        steps.push_back({move.to, static_cast<std::int32_t>(next), move.alternative});
      }
    }
    ++next;
  }
  for (auto at = static_cast<std::int32_t>(next); steps[at].before >= 0; at = steps[at].before) {
    preferred[steps[steps[at].before].at] = steps[at].alternative;
  }
}

}  // namespace paceline::search
