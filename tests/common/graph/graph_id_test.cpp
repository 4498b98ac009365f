#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

GraphId id_of(const char* statements) {
  return parse_graph(std::string("graph \"g\" {\n input x: f32[N,4]\n weight w: f32[4]\n") +
                         statements + "}\n",
                     ops::all_ops())
      .id();
}

const char* const base = R"(
  a = exp(x)
  b = neg(x)
  c = sub(a, b)
  output y = c
)";

TEST(GraphId, DoesNotDependOnLabelsOrOnTheOrderOfNodes) {
  EXPECT_EQ(id_of(base), id_of("second = neg(x)\n first = exp(x)\n %9 = sub(first, second)\n"
                               "output y = %9\n"));
}

TEST(GraphId, DoesNotDependOnNodesThatNothingUses) {
  EXPECT_EQ(id_of(base), id_of("d = abs(x)\n a = exp(x)\n b = neg(x)\n c = sub(a, b)\n"
                               "output y = c\n"));
}

TEST(GraphId, DoesNotDependOnTheOrderOfOutputs) {
  EXPECT_EQ(id_of("a = exp(x)\n output p = a\n output q = x\n"),
            id_of("a = exp(x)\n output q = x\n output p = a\n"));
}

TEST(GraphId, DependsOnEveryValueThatChangesTheResult) {
  const std::vector<GraphId> ids = {
      id_of(base),
      id_of("a = exp(x)\n b = neg(x)\n c = sub(b, a)\n output y = c\n"),
      id_of("a = exp(x)\n b = neg(x)\n c = sub(a, b)\n output z = c\n"),
      id_of("a = exp(x)\n b = neg(x)\n c = add(a, b)\n output y = c\n"),
      id_of("a = reduce_sum(x, axes=[0])\n output y = a\n"),
      id_of("a = reduce_sum(x, axes=[1])\n output y = a\n"),
      id_of("a = reduce_sum(w, axes=[0])\n output y = a\n"),
      id_of("constant k: f32[] = 1\n output y = k\n"),
      id_of("constant k: f32[] = 2\n output y = k\n"),
      id_of("constant k: f32[] = 0\n output y = k\n"),
      id_of("constant k: f32[] = -0\n output y = k\n"),
      id_of("constant k: f32[1] = [1]\n output y = k\n"),
      id_of("constant k: f64[] = 1\n output y = k\n"),
      id_of("v, i = top_k(x, k=2)\n output y = v\n"),
      id_of("v, i = top_k(x, k=2)\n output y = i\n"),
      id_of("state s: f32[4]\n output y = s\n"),
      id_of("state t: f32[4]\n output y = t\n"),
      id_of("state s: f32[4]\n output y = s\n update s = w\n"),
  };
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (std::size_t j = i + 1; j < ids.size(); ++j) EXPECT_NE(ids[i], ids[j]) << i << " and " << j;
  }
}

TEST(NodeDigests, AreEqualForRepeatedLayers) {
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[4] a = exp(x) b = exp(x) c = exp(a) output y = c }",
      ops::all_ops());
  const std::vector<Digest> digests = node_digests(graph);
  EXPECT_EQ(digests[1], digests[2]);
  EXPECT_NE(digests[1], digests[3]);
}

}  // namespace
}  // namespace paceline
