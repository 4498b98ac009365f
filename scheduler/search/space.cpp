#include "scheduler/search/space.h"

#include <cmath>

#include "common/base/error.h"
#include "scheduler/search/fixed.h"

namespace paceline::search {
namespace {

constexpr double cost_max_s = 1e6;

bool is_class(const Space& space, std::int32_t index) {
  return index >= 0 && index < static_cast<std::int64_t>(space.classes.size());
}

void validate_alternative(const Space& space, std::size_t in_class, std::size_t index) {
  const Alternative& alternative = space.classes[in_class][index];
  const double cost = alternative.cost_s;
  if (!(cost >= 0 && cost <= cost_max_s)) {
    throw invalid(
        "a cost is a number from 0 to {} seconds (leave out what cannot be used): {} in "
        "alternative "
        "{} of class {}",
        cost_max_s, cost, index, in_class);
  }
  for (const std::int32_t child : alternative.children) {
    if (is_class(space, child)) continue;
    throw invalid("alternative {} of class {} reads class {}, and there are {} classes", index,
                  in_class, child, space.classes.size());
  }
}

// Depth first along one alternative a class.
class Follower {
 public:
  Follower(const Space& space, std::span<const std::int32_t> preferred)
      : space_(space), preferred_(preferred), state_(space.classes.size(), State::unseen) {
    solution_.chosen.assign(space.classes.size(), -1);
  }

  Solution follow() {
    for (const std::int32_t root : space_.roots) {
      enter(root);
      while (!open_.empty()) advance();
    }
    solution_.cost_s = to_seconds(cost_);
    return std::move(solution_);
  }

 private:
  enum class State : std::uint8_t { unseen, open, closed };
  struct Frame {
    std::int32_t at;
    std::size_t next_child;
  };

  const Alternative& taken(std::int32_t at) const {
    return space_.classes[at][solution_.chosen[at]];
  }

  void enter(std::int32_t at) {
    if (state_[at] == State::closed) return;
    if (state_[at] == State::open) throw invalid("no path: class {} reads itself", at);
    const std::int32_t choice = preferred_[at];
    if (choice < 0 || choice >= static_cast<std::int64_t>(space_.classes[at].size())) {
      throw invalid("no path: class {} is reached and has {} alternatives, not number {}", at,
                    space_.classes[at].size(), choice);
    }
    state_[at] = State::open;
    solution_.chosen[at] = choice;
    cost_ += to_fixed(taken(at).cost_s);
    open_.push_back({at, 0});
  }

  void advance() {
    Frame& frame = open_.back();
    const std::vector<std::int32_t>& children = taken(frame.at).children;
    if (frame.next_child < children.size()) {
      enter(children[frame.next_child++]);
      return;
    }
    state_[frame.at] = State::closed;
    open_.pop_back();
  }

  const Space& space_;
  std::span<const std::int32_t> preferred_;
  std::vector<State> state_;
  std::vector<Frame> open_;
  Solution solution_;
  Fixed cost_ = 0;
};

}  // namespace

void validate(const Space& space) {
  if (space.roots.empty())
    throw invalid("a space needs a root: it has {} classes and none", space.classes.size());
  for (const std::int32_t root : space.roots) {
    if (is_class(space, root)) continue;
    throw invalid("root {} is no class: there are {}", root, space.classes.size());
  }
  for (std::size_t c = 0; c < space.classes.size(); ++c) {
    for (std::size_t a = 0; a < space.classes[c].size(); ++a) validate_alternative(space, c, a);
  }
}

Solution follow(const Space& space, std::span<const std::int32_t> preferred) {
  if (preferred.size() != space.classes.size()) {
    throw invalid("a path names an alternative for each of {} classes: {}", space.classes.size(),
                  preferred.size());
  }
  return Follower(space, preferred).follow();
}

}  // namespace paceline::search
