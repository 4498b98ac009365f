#include "scheduler/regions/tree.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/random.h"

namespace paceline::regions {
namespace {

std::int32_t slow_common_ancestor(const Tree& tree, std::int32_t a, std::int32_t b) {
  std::set<std::int32_t> above;
  for (; a >= 0; a = tree.parent(a)) above.insert(a);
  while (above.count(b) == 0) b = tree.parent(b);
  return b;
}

TEST(Tree, FindsCommonAncestorsOfRandomNodes) {
  Random random(1);
  for (const std::int64_t near : {1, 3, 500}) {  // A chain, a thin and a flat tree.
    Tree tree(500);
    tree.add_root(0);
    for (std::int32_t i = 1; i < 500; ++i) {
      const std::int64_t back = 1 + random.below(std::min<std::int64_t>(near, i));
      tree.add(i, static_cast<std::int32_t>(i - back));
    }
    for (int i = 0; i < 2000; ++i) {
      const auto a = static_cast<std::int32_t>(random.below(500));
      const auto b = static_cast<std::int32_t>(random.below(500));
      ASSERT_EQ(tree.common_ancestor(a, b), slow_common_ancestor(tree, a, b));
    }
  }
}

}  // namespace
}  // namespace paceline::regions
