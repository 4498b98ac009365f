#include "scheduler/passes/passes.h"

#include <gmock/gmock.h>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const OpSet& all = ops::all_ops();

Graph graph_of(std::string_view statements) {
  return parse_graph("graph \"g\" {\n input x: f32[N,4]\n" + std::string(statements) + "}", all);
}

std::vector<std::string> ops_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::op) names.push_back(node.op);
  }
  return names;
}

TEST(RemoveDead, DropsWhatNothingUsesButKeepsTheInterface) {
  const Graph graph = remove_dead(graph_of("input unused: f32[2] weight w: f32[2] state s: f32[2]\n"
                                           "a = exp(x) b = neg(x) output y = a"),
                                  all);
  EXPECT_THAT(ops_of(graph), ElementsAre("exp"));
  EXPECT_TRUE(graph.find(NodeKind::input, "unused"));
  EXPECT_TRUE(graph.find(NodeKind::state, "s"));
  EXPECT_FALSE(graph.find(NodeKind::weight, "w"));
}

TEST(RemoveDead, KeepsWhatAStateBecomes) {
  EXPECT_THAT(ops_of(remove_dead(graph_of("state s: f32[N,4] a = add(s, x) update s = a"), all)),
              ElementsAre("add"));
}

TEST(MergeEqual, ComputesCommonSubexpressionsOnce) {
  const Graph graph = merge_equal(
      graph_of("a = exp(x) b = exp(x) c = sub(a, b) d = sub(b, a) output y = c output z = d"), all);
  EXPECT_THAT(ops_of(graph), ElementsAre("exp", "sub"));
}

TEST(MergeEqual, KeepsWhatDiffersInAttributesOrConstants) {
  const Graph graph =
      merge_equal(graph_of("constant k: f32[] = 0 constant l: f32[] = -0\n"
                           "a = reduce_sum(x, axes=[0]) b = reduce_sum(x, axes=[1])\n"
                           "output p = k output q = l output r = a output s = b"),
                  all);
  EXPECT_EQ(graph.nodes().size(), 5u);
}

TEST(MergeEqual, KeepsZerosOfEitherSign) {
  const Graph graph = merge_equal(
      graph_of("a = pad(x, low=[1,0], high=[0,0], value=0.0)\n"
               "b = pad(x, low=[1,0], high=[0,0], value=-0.0) output p = a output q = b"),
      all);
  EXPECT_THAT(ops_of(graph), ElementsAre("pad", "pad"));
}

TEST(DropIdentities, DropsViewsAndCastsThatChangeNothing) {
  const Graph graph = drop_identities(
      graph_of("a = reshape(x, shape=[N,4]) b = permute(a, order=[0,1])\n"
               "c = slice(b, axis=1, start=0, stop=4) d = broadcast(c, shape=[N,4])\n"
               "e = cast(d, dtype=f32) f = copy(e) output y = f"),
      all);
  EXPECT_THAT(ops_of(graph), IsEmpty());
}

TEST(DropIdentities, KeepsAPermutationOfASquareAndAReversal) {
  const Graph graph =
      drop_identities(graph_of("input s: f32[4,4] a = permute(s, order=[1,0])\n"
                               "b = slice(a, axis=0, start=3, stop=-1, step=-1) output y = b"),
                      all);
  EXPECT_THAT(ops_of(graph), ElementsAre("permute", "slice"));
}

TEST(DropIdentities, JoinsChainsOfReshapes) {
  const Graph graph = remove_dead(
      drop_identities(graph_of("a = reshape(x, shape=[4*N]) b = reshape(a, shape=[2,2*N])\n"
                               "c = reshape(b, shape=[N,4]) output y = b output z = c"),
                      all),
      all);
  EXPECT_THAT(ops_of(graph), ElementsAre("reshape"));
}

// -0 + 0 is 0, so only -0 is neutral to a float's sum.
TEST(DropIdentities, DropsNeutralOperandsBitForBit) {
  const auto with = [](const char* op, const char* number) {
    return ops_of(drop_identities(
        graph_of(fmt::format("constant k: f32[] = {} b = broadcast(k, shape=[N,4])\n"
                             "c = {}(x, b) output y = c",
                             number, op)),
        all));
  };
  EXPECT_THAT(with("mul", "1"), ElementsAre("broadcast"));
  EXPECT_THAT(with("div", "1"), ElementsAre("broadcast"));
  EXPECT_THAT(with("add", "-0"), ElementsAre("broadcast"));
  EXPECT_THAT(with("sub", "0"), ElementsAre("broadcast"));
  EXPECT_THAT(with("add", "0"), ElementsAre("broadcast", "add"));
  EXPECT_THAT(with("sub", "1"), ElementsAre("broadcast", "sub"));
}

TEST(FoldConstants, ComputesWhatNeedsNoInput) {
  const Graph graph =
      clean(graph_of("constant k: f32[2] = [1,4] r = sqrt(k) b = broadcast(r, shape=[3,2])\n"
                     "s = reduce_sum(b, axes=[0]) output y = s"),
            all);
  ASSERT_EQ(graph.outputs().size(), 1u);
  const Node& node = graph.node(graph.outputs()[0].value.node);
  EXPECT_EQ(node.kind, NodeKind::constant);
  EXPECT_THAT(node.constant.to_doubles(), ElementsAre(3, 6));
}

TEST(FoldConstants, RoundsAsARunWould) {
  const Graph graph = clean(
      graph_of("constant k: bf16[] = 1 constant e: bf16[] = 0.001 s = add(k, e) d = sub(s, k)\n"
               "output y = d"),
      all);
  EXPECT_THAT(graph.node(graph.outputs()[0].value.node).constant.to_doubles(), ElementsAre(0));
}

TEST(FoldConstants, LeavesLargeSymbolicAndFailingResultsToTheRun) {
  const Graph graph =
      fold_constants(graph_of("constant zero: i64[] = 0 constant one: i64[] = 1\n"
                              "a = iota(extent=100000) b = iota(extent=N) c = div(one, zero)\n"
                              "output p = a output q = b output r = c"),
                     all);
  EXPECT_THAT(ops_of(graph), ElementsAre("iota", "iota", "div"));
}

TEST(Decompose, OpensCompositesDownToAtomsWhereAsked) {
  const Graph graph = graph_of("a = softmax(x) b = silu(a) output y = b");
  const Graph atoms = decompose(graph, all, [](const Graph&, std::int32_t) { return true; });
  for (const Node& node : atoms.nodes()) {
    if (node.kind != NodeKind::op) continue;
    EXPECT_FALSE(all.get(node.op).is_composite()) << node.op;
  }
  const Graph some = decompose(graph, all, [](const Graph& seen, std::int32_t node) {
    return seen.node(node).op == "silu";
  });
  EXPECT_THAT(ops_of(some), ::testing::Contains("softmax"));
  EXPECT_THAT(ops_of(some), ::testing::Not(::testing::Contains("silu")));
}

TEST(Clean, ChangesNothingTheSecondTime) {
  const Graph once = clean(
      graph_of("a = exp(x) b = exp(x) c = copy(b) d = mul(a, c) e = neg(d) output y = d"), all);
  EXPECT_EQ(clean(once, all).id(), once.id());
}

}  // namespace
}  // namespace paceline
