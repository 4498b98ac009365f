#include "scheduler/layout/cut.h"

#include <algorithm>
#include <limits>
#include <queue>

namespace paceline::layout {

namespace {

constexpr double least_room = 1e-15;  // Seconds: below any clock.

}  // namespace

int Cut::add() {
  leaving_.emplace_back();
  return static_cast<int>(leaving_.size()) - 1;
}

void Cut::separate(int a, int b, double cost) {
  leaving_[a].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({b, cost});
  leaving_[b].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({a, 0});
}

bool Cut::augment() {
  std::vector<int> by(leaving_.size(), -1);  // The edge that reached it.
  std::queue<int> reached({first});
  while (!reached.empty() && by[second] < 0) {
    const int at = reached.front();
    reached.pop();
    for (const int edge : leaving_[at]) {
      const int to = edges_[edge].to;
      if (edges_[edge].room <= least_room || by[to] >= 0 || to == first) continue;
      by[to] = edge;
      reached.push(to);
    }
  }
  if (by[second] < 0) return false;
  double room = std::numeric_limits<double>::infinity();
  for (int at = second; at != first; at = edges_[by[at] ^ 1].to) {
    room = std::min(room, edges_[by[at]].room);
  }
  for (int at = second; at != first; at = edges_[by[at] ^ 1].to) {
    edges_[by[at]].room -= room;
    edges_[by[at] ^ 1].room += room;
  }
  return true;
}

std::vector<bool> Cut::solve() {
  while (augment()) {
  }
  std::vector<bool> is_second(leaving_.size(), true);
  std::queue<int> reached({first});
  is_second[first] = false;
  while (!reached.empty()) {
    const int at = reached.front();
    reached.pop();
    for (const int edge : leaving_[at]) {
      const int to = edges_[edge].to;
      if (edges_[edge].room <= least_room || !is_second[to]) continue;
      is_second[to] = false;
      reached.push(to);
    }
  }
  return is_second;
}

}  // namespace paceline::layout
