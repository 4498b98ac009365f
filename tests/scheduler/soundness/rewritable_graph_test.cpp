#include "tests/support/rewritable_graph.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

TEST(RewritableGraph, IsAsGoodAsItsSeed) {
  const Graph graph = test::rewritable_graph(ops::all_ops(), 7);
  EXPECT_EQ(graph.id(), test::rewritable_graph(ops::all_ops(), 7).id());
  EXPECT_NE(graph.id(), test::rewritable_graph(ops::all_ops(), 8).id());
  EXPECT_EQ(parse_graph(to_text(graph), ops::all_ops()).id(), graph.id());
}

// What the thousand graphs of the soundness tests consist of.
TEST(RewritableGraph, HoldsNearlyEveryOp) {
  std::map<std::string, int> uses;
  std::set<GraphId> ids;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Graph graph = test::rewritable_graph(ops::all_ops(), seed);
    ids.insert(graph.id());
    EXPECT_LE(graph.nodes().size(), 120u) << seed;
    for (const Node& node : graph.nodes()) ++uses[node.op];
  }
  EXPECT_GT(ids.size(), 950u);
  for (const char* op : {"add",        "mul",     "div",       "pow",     "where",     "cast",
                         "permute",    "reshape", "slice",     "concat",  "broadcast", "reduce_sum",
                         "reduce_max", "matmul",  "linear",    "softmax", "rms_norm",  "layer_norm",
                         "gelu",       "rope",    "attention", "iota"}) {
    EXPECT_GE(uses[op], 20) << op;
  }
}

}  // namespace
}  // namespace paceline
