#include "scheduler/search/problem.h"

#include <algorithm>
#include <map>

#include "common/base/error.h"

namespace paceline::search {
namespace {

// Classes that the roots reach, what is read before its readers. Throws on a cycle.
std::vector<std::int32_t> children_first(const Space& space) {
  enum class State : std::uint8_t { unseen, open, closed };
  struct Frame {
    std::int32_t at;
    std::size_t alternative = 0;
    std::size_t child = 0;
  };
  std::vector<State> state(space.classes.size(), State::unseen);
  std::vector<std::int32_t> order;
  std::vector<Frame> frames;
  const auto enter = [&](std::int32_t at) {
    if (state[at] == State::closed) return;
    if (state[at] == State::open) {
      throw invalid("the space has a cycle through class {}: pass it through acyclic() first", at);
    }
    state[at] = State::open;
    frames.push_back({at});
  };
  for (const std::int32_t root : space.roots) {
    enter(root);
    while (!frames.empty()) {
      Frame& frame = frames.back();
      const auto& alternatives = space.classes[frame.at];
      if (frame.alternative == alternatives.size()) {
        state[frame.at] = State::closed;
        order.push_back(frame.at);
        frames.pop_back();
      } else if (frame.child == alternatives[frame.alternative].children.size()) {
        ++frame.alternative;
        frame.child = 0;
      } else {
        enter(alternatives[frame.alternative].children[frame.child++]);
      }
    }
  }
  return order;
}

void sort_unique(std::vector<std::int32_t>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

class Reducer {
 public:
  explicit Reducer(const Space& space)
      : space_(space),
        order_(children_first(space)),
        usable_(space.classes.size()),
        reader_(space.classes.size(), no_reader),
        folded_(space.classes.size()),
        made_(space.classes.size()) {}

  Problem run() {
    find_usable();
    find_readers();
    for (const std::int32_t at : order_) {
      if (reader_[at] != no_reader) make(at);
    }
    return number();
  }

 private:
  static constexpr std::int32_t no_reader = -1;
  static constexpr std::int32_t many_readers = -2;

  struct Folded {
    bool is_folded = false;
    Fixed cost = 0;
    std::vector<std::int32_t> children;
    std::int32_t alternative = -1;
  };

  void find_usable() {
    for (const std::int32_t at : order_) {
      const auto& alternatives = space_.classes[at];
      for (std::size_t a = 0; a < alternatives.size(); ++a) {
        const auto& children = alternatives[a].children;
        if (std::all_of(children.begin(), children.end(),
                        [&](std::int32_t child) { return !usable_[child].empty(); })) {
          usable_[at].push_back(static_cast<std::int32_t>(a));
        }
      }
    }
    for (const std::int32_t root : space_.roots) {
      if (!usable_[root].empty()) continue;
      throw invalid(
          "no path: root {} cannot be computed, since every alternative of it needs a class that "
          "has "
          "none; class {} is such a class: give it an alternative",
          root, barren_below(root));
    }
  }

  // A class without any alternative because of which `at` cannot be computed.
  std::int32_t barren_below(std::int32_t at) const {
    while (!space_.classes[at].empty()) {
      const auto& children = space_.classes[at].front().children;
      at = *std::find_if(children.begin(), children.end(),
                         [&](std::int32_t child) { return usable_[child].empty(); });
    }
    return at;
  }

  // Through usable alternatives alone; a root counts as read by many.
  void find_readers() {
    for (const std::int32_t root : space_.roots) reader_[root] = many_readers;
    for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
      if (reader_[*at] == no_reader) continue;
      for (const std::int32_t a : usable_[*at]) {
        for (const std::int32_t child : space_.classes[*at][a].children) {
          std::int32_t& reader = reader_[child];
          if (reader != *at) reader = reader == no_reader ? *at : many_readers;
        }
      }
    }
  }

  void make(std::int32_t at) {
    std::map<std::vector<std::int32_t>, std::vector<Pick>> by_children;
    for (const std::int32_t a : usable_[at]) {
      Fixed cost = to_fixed(space_.classes[at][a].cost_s);
      std::vector<std::int32_t> children = with_folded(space_.classes[at][a].children, cost);
      by_children[std::move(children)].push_back({cost, a});
    }
    const auto& [children, picks] = *by_children.begin();
    if (usable_[at].size() == 1 && may_fold(at, picks.front().cost)) {
      folded_[at] = {true, picks.front().cost, children, picks.front().alternative};
      return;
    }
    for (auto& [needed, choices] : by_children) {
      std::stable_sort(choices.begin(), choices.end(),
                       [](const Pick& a, const Pick& b) { return a.cost < b.cost; });
      made_[at].push_back({needed, std::move(choices)});
    }
  }

  bool may_fold(std::int32_t at, Fixed cost) const {
    const bool is_root =
        std::find(space_.roots.begin(), space_.roots.end(), at) != space_.roots.end();
    return !is_root && (cost == 0 || reader_[at] != many_readers);
  }

  std::vector<std::int32_t> with_folded(std::vector<std::int32_t> children, Fixed& cost) const {
    sort_unique(children);
    std::vector<std::int32_t> result;
    for (const std::int32_t child : children) {
      const Folded& folded = folded_[child];
      if (!folded.is_folded) {
        result.push_back(child);
        continue;
      }
      cost += folded.cost;
      result.insert(result.end(), folded.children.begin(), folded.children.end());
    }
    sort_unique(result);
    return result;
  }

  Problem number() {
    Problem problem;
    problem.only.assign(space_.classes.size(), -1);
    std::vector<std::int32_t> index(space_.classes.size(), -1);
    for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
      if (folded_[*at].is_folded) problem.only[*at] = folded_[*at].alternative;
      if (made_[*at].empty()) continue;
      index[*at] = static_cast<std::int32_t>(problem.classes.size());
      problem.class_of.push_back(*at);
      problem.classes.push_back(std::move(made_[*at]));
    }
    for (auto& options : problem.classes) {
      for (Option& option : options) {
        for (std::int32_t& child : option.children) child = index[child];
        std::sort(option.children.begin(), option.children.end());
      }
    }
    for (const std::int32_t root : space_.roots) problem.roots.push_back(index[root]);
    sort_unique(problem.roots);
    return problem;
  }

  const Space& space_;
  std::vector<std::int32_t> order_;
  std::vector<std::vector<std::int32_t>> usable_;  // Alternatives that something can compute.
  std::vector<std::int32_t> reader_;               // The one class that reads this one.
  std::vector<Folded> folded_;
  std::vector<std::vector<Option>> made_;
};

}  // namespace

Problem problem_of(const Space& space) {
  validate(space);
  return Reducer(space).run();
}

Solution solution_of(const Space& space, const Problem& problem, std::span<const Taken> taken) {
  std::vector<std::int32_t> preferred = problem.only;
  for (std::size_t c = 0; c < taken.size(); ++c) {
    if (taken[c].option < 0) continue;
    const Option& option = problem.classes[c][taken[c].option];
    preferred[problem.class_of[c]] = option.picks[taken[c].pick].alternative;
  }
  return follow(space, preferred);
}

}  // namespace paceline::search
