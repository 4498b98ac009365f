#include "scheduler/regions/tree.h"

#include <utility>

namespace paceline::regions {

void Tree::add_root(std::int32_t node) {
  jump_[node] = node;
  depth_[node] = 0;
}

void Tree::add(std::int32_t node, std::int32_t parent) {
  parent_[node] = parent;
  depth_[node] = depth_[parent] + 1;
  const std::int32_t jump = jump_[parent];
  const bool equal_jumps = depth_[parent] - depth_[jump] == depth_[jump] - depth_[jump_[jump]];
  jump_[node] = equal_jumps ? jump_[jump] : parent;
}

std::int32_t Tree::common_ancestor(std::int32_t a, std::int32_t b) const {
  if (depth_[a] < depth_[b]) std::swap(a, b);
  while (depth_[a] > depth_[b]) a = depth_[jump_[a]] >= depth_[b] ? jump_[a] : parent_[a];
  while (a != b) {
    const bool can_jump = jump_[a] != jump_[b];
    a = can_jump ? jump_[a] : parent_[a];
    b = can_jump ? jump_[b] : parent_[b];
  }
  return a;
}

}  // namespace paceline::regions
