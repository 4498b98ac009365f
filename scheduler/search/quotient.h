#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/search/space.h"

namespace paceline::search {

// A space in which free moves are no choices, and without cycles: what a caller's space should
// become before a diagram is built of it.
//
// Classes that turn into each other at no cost (alternatives with one child and cost 0, both ways:
// an e-graph's views) are one class here, which takes the alternatives of all. No path is lost that
// is cheaper than all that stay; paths that differ in free moves alone are one. Then `acyclic`.
class Quotient {
 public:
  explicit Quotient(const Space& original);  // Throws `invalid` as `validate` does.

  const Space& space() const { return space_; }
  std::int64_t cut() const { return cut_; }  // As `Acyclic::cut`.

  // A path of the caller's space, of the same cost, for one of `space()`.
  Solution lift(const Solution& solution) const;

 private:
  struct Move {
    std::int32_t to = -1;
    std::int32_t alternative = -1;
  };
  struct Origin {
    std::int32_t in_class = 0;
    std::int32_t alternative = 0;
  };

  void find_moves();
  void merge();
  void route(std::int32_t from, std::vector<std::int32_t>& preferred) const;

  Space original_;
  Space space_;
  std::int64_t cut_ = 0;
  std::vector<std::vector<Move>> moves_;  // By the caller's class, within its group.
  std::vector<std::int32_t> group_;       // By the caller's class: the class of `space_`.
  std::vector<Origin> origins_;           // By the tags of `space_`.
};

}  // namespace paceline::search
