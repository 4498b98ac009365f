#include "scheduler/search/best_first.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "common/base/error.h"
#include "scheduler/search/nodes.h"

namespace paceline::search {

// For each node that somebody asked, its partial paths found so far, cheapest first, and rivals for
// the next place. A leaf needs no list: its picks are in order.
class BestFirst::Lists {
 public:
  explicit Lists(const DiagramNodes& nodes) : nodes_(nodes), lists_(nodes.nodes.size()) {}

  // Whether the diagram has a path of this rank; afterwards `path` may be asked for it.
  bool find(std::int32_t rank) {
    wanted_.push_back({nodes_.root, rank});
    while (!wanted_.empty()) {
      const Place place = wanted_.back();
      if (is_known(place) || is_finished(place.node)) {
        wanted_.pop_back();
      } else {
        advance(place.node);
      }
    }
    return is_known({nodes_.root, rank});
  }

  Solution path(std::int32_t rank) const {
    std::vector<Taken> taken(nodes_.problem.classes.size());
    std::vector<Place> open = {{nodes_.root, rank}};
    while (!open.empty()) {
      const Place place = open.back();
      open.pop_back();
      const DiagramNode& node = nodes_.nodes[place.node];
      if (node.kind == DiagramNode::Kind::leaf) {
        taken[node.first] = {node.second, place.rank};
        continue;
      }
      const Item item = item_at(place);
      if (node.kind == DiagramNode::Kind::product) {
        open.insert(open.end(), {{node.first, item.first}, {node.second, item.second}});
      } else {
        open.push_back({nodes_.links[node.first + item.first], item.second});
      }
    }
    return solution_of(nodes_.space, nodes_.problem, taken);
  }

 private:
  struct Place {
    std::int32_t node;
    std::int32_t rank;
  };

  // Of a product: the ranks of its factors. Of a choice: the branch and the rank in it.
  struct Item {
    Fixed cost;
    std::int32_t first;
    std::int32_t second;
  };

  struct List {
    std::vector<Item> found;
    std::vector<Item> rivals;  // A heap.
    bool is_open = false;
    bool is_followed = true;  // The last one found has sent its successors among the rivals.
  };

  static bool is_later(const Item& a, const Item& b) {
    return std::tie(a.cost, a.first, a.second) > std::tie(b.cost, b.first, b.second);
  }

  bool is_leaf(std::int32_t node) const {
    return nodes_.nodes[node].kind == DiagramNode::Kind::leaf;
  }

  bool is_known(const Place& place) const {
    if (place.rank == 0) return true;
    if (is_leaf(place.node)) {
      return place.rank < static_cast<std::int64_t>(nodes_.picks(nodes_.nodes[place.node]).size());
    }
    return place.rank < static_cast<std::int64_t>(lists_[place.node].found.size());
  }

  bool is_finished(std::int32_t node) const {
    if (is_leaf(node)) return true;
    const List& list = lists_[node];
    return list.is_open && list.is_followed && list.rivals.empty();
  }

  Fixed cost(const Place& place) const {
    const DiagramNode& node = nodes_.nodes[place.node];
    if (place.rank == 0) return node.best;
    if (node.kind == DiagramNode::Kind::leaf) return nodes_.picks(node)[place.rank].cost;
    return lists_[place.node].found[place.rank].cost;
  }

  // The first of a node follows from the nodes alone.
  Item item_at(const Place& place) const {
    if (place.rank > 0) return lists_[place.node].found[place.rank];
    const DiagramNode& node = nodes_.nodes[place.node];
    if (node.kind == DiagramNode::Kind::product) return {node.best, 0, 0};
    const auto begin = nodes_.links.begin() + node.first;
    const auto branch = std::find(begin, begin + node.second, nodes_.cheapest(node));
    return {node.best, static_cast<std::int32_t>(branch - begin), 0};
  }

  // One step towards the node's next partial path; it may be to want something else first.
  void advance(std::int32_t node) {
    List& list = lists_[node];
    if (!list.is_open) return open(node);
    if (!list.is_followed) return follow(node);
    std::pop_heap(list.rivals.begin(), list.rivals.end(), is_later);
    list.found.push_back(list.rivals.back());
    list.rivals.pop_back();
    list.is_followed = false;
  }

  void open(std::int32_t at) {
    const DiagramNode& node = nodes_.nodes[at];
    List& list = lists_[at];
    list.is_open = true;
    if (node.kind == DiagramNode::Kind::product) {
      list.rivals.push_back({node.best, 0, 0});
      return;
    }
    for (std::int32_t i = 0; i < node.second; ++i) {
      list.rivals.push_back({nodes_.nodes[nodes_.links[node.first + i]].best, i, 0});
    }
    std::make_heap(list.rivals.begin(), list.rivals.end(), is_later);
  }

  // Each pair of ranks of a product has one predecessor: one less of the second, and of the first
  // only where the second is zero.
  void follow(std::int32_t at) {
    const DiagramNode& node = nodes_.nodes[at];
    const Item last = lists_[at].found.back();
    if (node.kind == DiagramNode::Kind::choice) {
      const Place next{nodes_.links[node.first + last.first], last.second + 1};
      if (wants(next)) return;
      if (is_known(next)) add(at, {cost(next), last.first, next.rank});
    } else {
      const Place left{node.first, last.first};
      const Place right{node.second, last.second};
      const Place more_left{left.node, left.rank + 1};
      const Place more_right{right.node, right.rank + 1};
      if (wants(more_right) || (last.second == 0 && wants(more_left))) return;
      if (is_known(more_right)) {
        add(at, {cost(left) + cost(more_right), left.rank, more_right.rank});
      }
      if (last.second == 0 && is_known(more_left)) {
        add(at, {cost(more_left) + cost(right), more_left.rank, 0});
      }
    }
    lists_[at].is_followed = true;
  }

  bool wants(const Place& place) {
    if (is_known(place) || is_finished(place.node)) return false;
    wanted_.push_back(place);
    return true;
  }

  void add(std::int32_t at, const Item& item) {
    std::vector<Item>& rivals = lists_[at].rivals;
    rivals.push_back(item);
    std::push_heap(rivals.begin(), rivals.end(), is_later);
  }

  const DiagramNodes& nodes_;
  std::vector<List> lists_;
  std::vector<Place> wanted_;
};

BestFirst::BestFirst(Diagram diagram)
    : diagram_(std::move(diagram)),
      cursor_{.space = diagram_.nodes().digest},
      lists_(std::make_unique<Lists>(diagram_.nodes())) {}

BestFirst::BestFirst(Diagram diagram, const Cursor& cursor) : BestFirst(std::move(diagram)) {
  if (cursor.space != cursor_.space) {
    throw invalid(
        "the cursor is of another space, or of the same under other limits: {}, and here is {}",
        cursor.space.to_string(), cursor_.space.to_string());
  }
  cursor_ = cursor;
}

BestFirst::BestFirst(BestFirst&&) noexcept = default;
BestFirst& BestFirst::operator=(BestFirst&&) noexcept = default;
BestFirst::~BestFirst() = default;

std::optional<Solution> BestFirst::next() {
  constexpr std::uint64_t ranks_max = std::numeric_limits<std::int32_t>::max();
  const auto count = diagram_.count().exact;
  if (count && cursor_.next >= *count) return std::nullopt;
  if (cursor_.next >= ranks_max) {
    throw exhausted("the list of paths goes to rank {}: {}", ranks_max, cursor_.next);
  }
  const auto rank = static_cast<std::int32_t>(cursor_.next);
  check(lists_->find(rank), "a diagram has as many paths as it counts");
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  cursor_.next = cursor_.step > most - cursor_.next ? most : cursor_.next + cursor_.step;
  return lists_->path(rank);
}

Cursor BestFirst::cursor() const { return cursor_; }

bool BestFirst::is_ordered(const Solution& solution) const {
  return solution.cost_s <= diagram_.complete_to_s();
}

}  // namespace paceline::search
