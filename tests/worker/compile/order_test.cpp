#include "worker/compile/order.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::SizeIs;
using ::testing::Throws;

std::vector<std::int32_t> order_at(std::int64_t n) {
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[N] a = neg(x) b = exp(a) output y = b }", ops::all_ops());
  return order_nodes(graph, ops::all_ops(),
                     Groups(graph, ops::all_ops(), std::vector<bool>(graph.nodes().size())),
                     {{"N", n}});
}

TEST(Order, RefusesBytesThatOverflow) {
  EXPECT_THAT(order_at(std::int64_t{1} << 58), SizeIs(2));
  for (const int bits : {60, 61, 62}) {  // The sum of three tensors; then each of them.
    EXPECT_THAT([&] { order_at(std::int64_t{1} << bits); },
                Throws<Error>(Property(&Error::what, HasSubstr("overflow 64 bits"))))
        << bits;
  }
}

// The nodes of a bundle wait for all that the bundle needs, and then stand together.
TEST(Order, KeepsABundleTogether) {
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[N] a = neg(x) b = exp(a) c = exp(x) d = neg(c) e = add(b, d) "
      "output y = e }",
      ops::all_ops());
  const Groups groups(graph, ops::all_ops(), std::vector<bool>(graph.nodes().size()));
  const auto order = [&](const std::vector<std::int32_t>& bundles) {
    return order_nodes(graph, ops::all_ops(), groups, {{"N", 4}}, bundles);
  };
  EXPECT_THAT(order({}), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(order({-1, -1, 0, -1, 0, -1}), ElementsAre(1, 3, 2, 4, 5));
  EXPECT_THAT(order({-1, 0, 1, 0, 1, -1}), ElementsAre(1, 3, 2, 4, 5));
  EXPECT_THAT(order({-1, 0, -1, -1, 0, 0}), SizeIs(5));  // Not to be had in one piece.
}

}  // namespace
}  // namespace paceline
