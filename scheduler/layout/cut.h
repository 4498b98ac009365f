#pragma once

#include <vector>

namespace paceline::layout {

// Things that are each given one of two sides, at the least cost: a minimum cut (Boykov and
// Kolmogorov 2004 say what such costs can express; found by shortest augmenting paths, Edmonds and
// Karp 1972). One thread.
class Cut {
 public:
  static constexpr int first = 0, second = 1;  // One that is always on either side.

  int add();  // A new thing.
  // `cost` is paid where `a` is on the first side and `b` on the second.
  void separate(int a, int b, double cost);

  // By thing, whether it is on the second side; where both cost the same, it is on the second.
  std::vector<bool> solve();

 private:
  struct Edge {
    int to;
    double room;
  };

  bool augment();

  std::vector<Edge> edges_;  // Number i ^ 1 goes back.
  std::vector<std::vector<int>> leaving_ = std::vector<std::vector<int>>(2);
};

}  // namespace paceline::layout
