#include "scheduler/fusion/fuse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.h"
#include "common/graph/reference.h"
#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "tests/support/evaluate.h"

namespace paceline::fusion {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Graph graph_of(const std::string& body) {
  return parse_graph("graph \"g\" {\n" + body + "\n}", ops::all_ops());
}

Graph fused(const Graph& graph) {
  return fuse(graph, find_groups(graph, ops::all_ops()), ops::all_ops()).graph;
}

std::vector<std::string> programs(const Graph& graph) {
  std::vector<std::string> programs;
  for (const Group& group : find_groups(graph, ops::all_ops()))
    programs.push_back(group.attributes.get<std::string>("program"));
  return programs;
}

std::vector<std::string> ops_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::op) names.push_back(node.op);
  }
  return names;
}

std::vector<Tensor> drawn_inputs(const Graph& graph, const Bindings& bindings) {
  Random random(3);
  std::vector<Tensor> inputs;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::input) continue;
    const TensorType& type = node.outputs[0];
    inputs.push_back(to_reference(
        ops::draw(Sample::Operand{type.dtype, evaluate(type.shape, bindings)}, random)));
  }
  return inputs;
}

void expect_same(const Graph& before, const Graph& after, const Bindings& bindings) {
  const auto inputs = drawn_inputs(before, bindings);
  const auto wanted = test::evaluate(before, inputs, bindings);
  const auto given = test::evaluate(after, inputs, bindings);
  ASSERT_EQ(wanted.size(), given.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_LT(compare(given[i].view(), wanted[i].view()).elementwise, 1e-9) << i;
  }
}

const char* const chain =
    "input x: f32[B,8] input a: f32[8] input b: f32[8] constant h: f32[] = 0.5 "
    "ab = broadcast(a, shape=[B,8]) bb = broadcast(b, shape=[B,8]) hb = broadcast(h, shape=[B,8]) "
    "m = mul(x, ab) s = add(m, bb) e = erf(s) y = mul(e, hb) output y = y";

TEST(Fuse, WritesAChainAsOneProgram) {
  const Graph graph = graph_of(chain);
  EXPECT_THAT(programs(graph), ElementsAre("v0 = mul(i0, i1); v1 = add(v0, i2); v2 = erf(v1); "
                                           "v3 = mul(v2, 0.5); out(v3)"));
  EXPECT_THAT(ops_of(fused(graph)), ElementsAre("fused"));
  expect_same(graph, fused(graph), {{"B", 3}});
}

TEST(Fuse, TakesCompositesApart) {
  const Graph graph = graph_of(
      "input x: f32[4,B,8] input m: bool[B,8] constant k: f32[] = -1e30 "
      "mb = broadcast(m, shape=[4,B,8]) kb = broadcast(k, shape=[4,B,8]) "
      "w = where(mb, x, kb) y = softmax(w) output y = y");
  const auto found = programs(graph);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0], testing::StartsWith(
                            "v0 = where(i1, i0, -1.0000000150474662e+30); v1 = reduce_max(v0)"));
  expect_same(graph, fused(graph), {{"B", 3}});
}

TEST(Fuse, GivesWhatOthersReadAsFurtherOutputs) {
  const Graph graph = graph_of(
      "input x: f32[2,8] input r: f32[2,8] input w: f32[8] input v: f32[8,8] s = add(x, r) "
      "n = rms_norm(s, w) l = linear(n, v) y = add(l, s) output y = y");
  const Graph after = fused(graph);
  EXPECT_THAT(ops_of(after), ElementsAre("fused", "linear", "add"));
  EXPECT_THAT(after.nodes().end()[-3].outputs, SizeIs(2));
  expect_same(graph, after, {});
}

// What lies between two members would have to come before and after the group.
TEST(Fuse, KeepsGroupsConvex) {
  const Graph graph = graph_of(
      "input x: f32[4,4] a = exp(x) p = permute(a, order=[1,0]) c = copy(p) y = add(a, c) "
      "z = tanh(y) output z = z");
  for (const Group& group : find_groups(graph, ops::all_ops())) {
    for (const std::int32_t node : group.nodes) EXPECT_NE(graph.node(node).op, "exp");
  }
  expect_same(graph, fused(graph), {});
}

// {a, e} and {b, c, d} would each have to come before the other.
TEST(Fuse, KeepsGroupsFromReadingEachOther) {
  const Graph graph = graph_of(
      "input x: f32[4,6] input y: f32[4,6] a = tanh(x) b = sigmoid(y) q = softmax(b, axis=0) "
      "c = erf(a) d = mul(c, b) e = mul(a, q) output d = d output e = e");
  const Graph after = fused(graph);
  EXPECT_THAT(ops_of(after), Contains("fused"));
  expect_same(graph, after, {});
}

TEST(Fuse, KeepsGroupsFromReadingEachOtherInACircleOfThree) {
  const Graph graph = graph_of(
      "input x: f32[4,4] input y: f32[4,4] input z: f32[4,4] "
      "a = tanh(x) b = sigmoid(y) c = erf(z) "
      "p = permute(a, order=[1,0]) q = permute(b, order=[1,0]) r = permute(c, order=[1,0]) "
      "pc = copy(p) qc = copy(q) rc = copy(r) "
      "d = mul(a, rc) e = mul(b, pc) f = mul(c, qc) output d = d output e = e output f = f");
  const Graph after = fused(graph);
  EXPECT_THAT(ops_of(after), Contains("fused"));
  expect_same(graph, after, {});
}

TEST(Fuse, RefusesGroupsThatReadEachOther) {
  const Graph graph =
      graph_of("input x: f32[4] a = tanh(x) b = erf(a) c = exp(b) d = cos(c) output y = d");
  const ValueRef x{0, 0}, a{1, 0}, b{2, 0}, c{3, 0}, d{4, 0};
  const std::vector<Group> groups = {
      {.nodes = {1, 3},
       .inputs = {x, b},
       .outputs = {a, c},
       .attributes = {{"program", std::string("v0 = tanh(i0); v1 = exp(i1); out(v0, v1)")}}},
      {.nodes = {2, 4},
       .inputs = {a, c},
       .outputs = {b, d},
       .attributes = {{"program", std::string("v0 = erf(i0); v1 = cos(i1); out(v0, v1)")}}}};
  try {
    fuse(graph, groups, ops::all_ops());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), testing::HasSubstr("in a circle"));
  }
}

TEST(Fuse, LeavesWhatIsRereadThroughABroadcast) {
  const Graph graph = graph_of(
      "input x: f32[1,4] a = exp(x) b = broadcast(a, shape=[4,4]) p = permute(b, order=[1,0]) "
      "c = copy(p) y = add(b, c) z = tanh(y) output z = z");
  expect_same(graph, fused(graph), {});
}

TEST(Fuse, DoesNotReduceWhatWasBroadcastAsOneElement) {
  const Graph graph = graph_of(
      "input x: f32[3,1] e = exp(x) b = broadcast(e, shape=[3,5]) "
      "s = reduce_sum(b, axes=[-1], keep_dims=true) y = add(s, x) output y = y");
  expect_same(graph, fused(graph), {});
}

// In a program, numbers take the dtype of what they meet: here of a condition.
TEST(Fuse, LeavesNumbersWhoseDtypeNothingSays) {
  const Graph graph = graph_of(
      "input c: bool[4,8] input x: f32[4,8] constant two: f16[] = 2 constant three: f16[] = 3 "
      "t = broadcast(two, shape=[4,8]) h = broadcast(three, shape=[4,8]) s = where(c, t, h) "
      "f = cast(s, dtype=f32) y = tanh(x) z = mul(f, y) output z = z");
  EXPECT_THAT(ops_of(fused(graph)), Contains("where"));
  EXPECT_THAT(ops_of(fused(graph)), Contains("fused"));
  expect_same(graph, fused(graph), {});
}

TEST(Fuse, TellsZeroFromItsNegative) {
  const Graph graph = graph_of(
      "input x: f32[4] constant p: f32[] = 0 constant n: f32[] = -0.0 pb = broadcast(p, shape=[4]) "
      "nb = broadcast(n, shape=[4]) a = div(x, pb) b = div(x, nb) y = add(a, b) output y = y");
  EXPECT_THAT(programs(graph), ElementsAre("v0 = div(i0, 0); v1 = div(i0, -0); v2 = add(v0, v1); "
                                           "out(v2)"));
}

TEST(Fuse, LeavesSingleNodesWideFloatsAndOtherAxes) {
  EXPECT_THAT(programs(graph_of("input x: f32[3,8] y = softmax(x) output y = y")), IsEmpty());
  EXPECT_THAT(programs(graph_of("input x: f64[3,8] a = exp(x) y = tanh(a) output y = y")),
              IsEmpty());
  EXPECT_THAT(programs(graph_of("input x: f32[3,8] a = reduce_sum(x, axes=[0], keep_dims=true) "
                                "b = reduce_max(a, axes=[0], keep_dims=true) output y = b")),
              IsEmpty());
}

TEST(Fuse, LeavesWhatWeightsAloneDecide) {
  const Graph graph = graph_of(
      "input x: f32[3,8] weight w: f32[8] e = exp(w) t = tanh(e) tb = broadcast(t, shape=[3,8]) "
      "m = mul(x, tb) y = exp(m) output y = y");
  EXPECT_THAT(programs(graph), ElementsAre("v0 = mul(i0, i1); v1 = exp(v0); out(v1)"));
}

TEST(Fuse, SaysWhichNodesEachStandsFor) {
  const Graph graph = graph_of(chain);
  const Fused result = fuse(graph, find_groups(graph, ops::all_ops()), ops::all_ops());
  ASSERT_EQ(result.origins.size(), result.graph.nodes().size());
  EXPECT_THAT(result.origins.back(), SizeIs(4));
}

TEST(Fuse, UpdatesStatesAsBefore) {
  const Graph graph = graph_of(
      "input x: f32[4] state s: f32[4] a = add(s, x) b = mul(a, x) output y = b update s = b");
  const Graph after = fused(graph);
  EXPECT_THAT(ops_of(after), ElementsAre("fused"));
  EXPECT_THAT(after.state_updates(), SizeIs(1));
}

TEST(Fuse, OffersTheWorkloadsOnBothSides) {
  const Graph graph = graph_of(chain);
  const auto groups = find_groups(graph, ops::all_ops());
  const Offer offer = offer_of(graph, groups.at(0), ops::all_ops(), {{"B", 3}});
  EXPECT_THAT(offer.fused.to_text(),
              testing::StartsWith("fused(f32[3,8], f32[8], f32[8], program="));
  EXPECT_THAT(offer.parts, SizeIs(4));
}

}  // namespace
}  // namespace paceline::fusion
