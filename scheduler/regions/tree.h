#pragma once

#include <cstdint>
#include <vector>

namespace paceline::regions {

// A tree that grows at its leaves and answers nearest common ancestors in logarithmic time, with
// one jump pointer a node (Myers, "An applicative random-access stack", 1983).
class Tree {
 public:
  explicit Tree(std::size_t count) : parent_(count, -1), jump_(count, -1), depth_(count, -1) {}

  void add_root(std::int32_t node);
  void add(std::int32_t node, std::int32_t parent);  // Requires: `parent` is in the tree.

  bool has(std::int32_t node) const { return depth_[node] >= 0; }
  std::int32_t parent(std::int32_t node) const { return parent_[node]; }  // -1 at the root.
  std::int32_t common_ancestor(std::int32_t a, std::int32_t b) const;

 private:
  std::vector<std::int32_t> parent_;
  std::vector<std::int32_t> jump_;  // The root's own is itself.
  std::vector<std::int32_t> depth_;
};

}  // namespace paceline::regions
