#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>
#include <unordered_map>

#include "scheduler/search/nodes.h"
#include "scheduler/search/splitter.h"

namespace paceline::search {
namespace {

// A part by its needed and settled classes.
using Key = std::vector<std::int32_t>;

struct KeyHash {
  std::size_t operator()(const Key& key) const noexcept {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(key.data()), key.size() * sizeof(key[0])});
  }
};

Key key_of(const Part& part) {
  Key key = part.needed;
  key.push_back(-1);
  key.insert(key.end(), part.settled.begin(), part.settled.end());
  return key;
}

// One state and, once it is expanded, the parts that each option of its first class leaves.
struct State {
  Part part;
  std::vector<std::vector<std::int32_t>> rests;  // By option: states.
};

class States {
 public:
  States(const Problem& problem, const Limits& limits)
      : problem_(problem), limits_(limits), splitter_(problem) {}

  // False when the limits do not suffice.
  bool explore() {
    roots_ = add(splitter_.split(problem_.roots, {}));
    for (std::size_t at = 0; at < states_.size(); ++at) {
      if (is_spent(at)) return false;
      expand(at);
    }
    return true;
  }

  const std::vector<State>& all() const { return states_; }
  const std::vector<std::int32_t>& roots() const { return roots_; }

 private:
  std::vector<std::int32_t> add(std::vector<Part> parts) {
    std::vector<std::int32_t> ids;
    for (Part& part : parts) {
      const auto next = static_cast<std::int32_t>(states_.size());
      const auto [found, is_new] = known_.try_emplace(key_of(part), next);
      ids.push_back(found->second);
      if (is_new) states_.push_back({std::move(part), {}});
    }
    return ids;
  }

  bool is_spent(std::size_t at) const {
    return static_cast<std::int64_t>(states_.size()) > limits_.states_max ||
           splitter_.visits() > limits_.visits_max ||
           (at % 64 == 0 && limits_.stop && limits_.stop());
  }

  // Nothing below a part's first class reads that class, so once decided it is out of the picture.
  void expand(std::size_t at) {
    const std::int32_t decided = states_[at].part.needed.front();
    for (const Option& option : problem_.classes[decided]) {
      const std::vector<std::int32_t> needed = with(states_[at].part, option.children);
      auto rest = add(splitter_.split(needed, states_[at].part.settled));
      states_[at].rests.push_back(std::move(rest));
    }
  }

  static std::vector<std::int32_t> with(const Part& part, std::span<const std::int32_t> children) {
    std::vector<std::int32_t> fresh;
    std::set_difference(children.begin(), children.end(), part.settled.begin(), part.settled.end(),
                        std::back_inserter(fresh));
    std::vector<std::int32_t> needed;
    std::set_union(part.needed.begin() + 1, part.needed.end(), fresh.begin(), fresh.end(),
                   std::back_inserter(needed));
    return needed;
  }

  const Problem& problem_;
  const Limits& limits_;
  Splitter splitter_;
  std::vector<State> states_;
  std::vector<std::int32_t> roots_;
  std::unordered_map<Key, std::int32_t, KeyHash> known_;
};

// States as nodes, smaller parts first, since what is left of a part is smaller than it.
class Writer {
 public:
  Writer(const Problem& problem, const States& states) : problem_(problem), states_(states) {}

  Compiled run() {
    const std::vector<State>& all = states_.all();
    std::vector<std::int32_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return all[a].part.size < all[b].part.size;
    });
    node_.resize(all.size());
    for (const std::int32_t at : order) node_[at] = write(all[at]);
    made_.root = product(nodes_of(states_.roots()));
    made_.states = static_cast<std::int64_t>(all.size());
    return std::move(made_);
  }

 private:
  std::int32_t push(DiagramNode node) {
    made_.nodes.push_back(std::move(node));
    return static_cast<std::int32_t>(made_.nodes.size()) - 1;
  }

  std::vector<std::int32_t> nodes_of(const std::vector<std::int32_t>& states) const {
    std::vector<std::int32_t> nodes;
    for (const std::int32_t state : states) nodes.push_back(node_[state]);
    return nodes;
  }

  std::int32_t write(const State& state) {
    const std::int32_t decided = state.part.needed.front();
    std::vector<std::int32_t> branches;
    for (std::size_t o = 0; o < state.rests.size(); ++o) {
      std::vector<std::int32_t> factors = nodes_of(state.rests[o]);
      factors.push_back(leaf(decided, static_cast<std::int32_t>(o)));
      branches.push_back(product(std::move(factors)));
    }
    return choice(branches);
  }

  std::int32_t leaf(std::int32_t of_class, std::int32_t option) {
    const std::vector<Pick>& picks = problem_.classes[of_class][option].picks;
    const auto [found, is_new] =
        leaves_.try_emplace(std::int64_t{of_class} << 32 | option, std::int32_t{0});
    if (is_new) {
      found->second = push({.first = of_class,
                            .second = option,
                            .best = picks.front().cost,
                            .count = Magnitude(picks.size())});
    }
    return found->second;
  }

  // Two by two, so that depth and the work of each further path stay small.
  std::int32_t product(std::vector<std::int32_t> factors) {
    while (factors.size() > 1) {
      std::vector<std::int32_t> pairs;
      for (std::size_t i = 0; i + 1 < factors.size(); i += 2) {
        const DiagramNode& a = made_.nodes[factors[i]];
        const DiagramNode& b = made_.nodes[factors[i + 1]];
        pairs.push_back(push({.kind = DiagramNode::Kind::product,
                              .first = factors[i],
                              .second = factors[i + 1],
                              .best = a.best + b.best,
                              .count = a.count * b.count}));
      }
      if (factors.size() % 2 == 1) pairs.push_back(factors.back());
      factors = std::move(pairs);
    }
    return factors.front();
  }

  std::int32_t choice(const std::vector<std::int32_t>& branches) {
    if (branches.size() == 1) return branches.front();
    DiagramNode node{.kind = DiagramNode::Kind::choice,
                     .first = static_cast<std::int32_t>(made_.links.size()),
                     .second = static_cast<std::int32_t>(branches.size()),
                     .best = made_.nodes[branches.front()].best};
    for (const std::int32_t branch : branches) {
      node.best = std::min(node.best, made_.nodes[branch].best);
      node.count = node.count + made_.nodes[branch].count;
    }
    made_.links.insert(made_.links.end(), branches.begin(), branches.end());
    return push(std::move(node));
  }

  const Problem& problem_;
  const States& states_;
  std::vector<std::int32_t> node_;  // By state.
  std::unordered_map<std::int64_t, std::int32_t> leaves_;
  Compiled made_;
};

}  // namespace

std::int32_t Compiled::cheapest(const DiagramNode& choice) const {
  const auto begin = links.begin() + choice.first;
  return *std::find_if(begin, begin + choice.second,
                       [&](std::int32_t branch) { return nodes[branch].best == choice.best; });
}

std::optional<Compiled> compile(const Problem& problem, const Limits& limits) {
  States states(problem, limits);
  if (!states.explore()) return std::nullopt;
  return Writer(problem, states).run();
}

std::vector<Taken> cheapest_of(const Problem& problem, const Compiled& compiled) {
  std::vector<Taken> taken(problem.classes.size());
  std::vector<std::int32_t> open = {compiled.root};
  while (!open.empty()) {
    const DiagramNode& node = compiled.nodes[open.back()];
    open.pop_back();
    if (node.kind == DiagramNode::Kind::leaf) {
      taken[node.first] = {node.second, 0};
    } else if (node.kind == DiagramNode::Kind::product) {
      open.insert(open.end(), {node.first, node.second});
    } else {
      open.push_back(compiled.cheapest(node));
    }
  }
  return taken;
}

}  // namespace paceline::search
