#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "scheduler/passes/passes.h"
#include "scheduler/regions/regions.h"
#include "tests/support/random_graph.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const OpSet& ops() { return ops::all_ops(); }

Regions split_text(std::string_view text, SplitOptions options = {}) {
  options.whole_max = 0;
  return split(parse_graph(text, ops()), ops(), options);
}

// Every live op node in a region, and each region reads inputs, states and earlier regions only.
void expect_partition(const Graph& graph, const Regions& regions, int nodes_max) {
  std::set<ValueRef> known;
  for (const Region& region : regions.all) {
    for (const ValueRef input : region.inputs) {
      const NodeKind kind = graph.node(input.node).kind;
      EXPECT_TRUE(kind == NodeKind::input || kind == NodeKind::state || known.count(input) > 0);
    }
    EXPECT_LE(static_cast<int>(region.outputs.size()), 2 * nodes_max);
    known.insert(region.outputs.begin(), region.outputs.end());
  }
  for (const NamedOutput& output : graph.outputs()) {
    const bool is_op = graph.node(output.value.node).kind == NodeKind::op;
    EXPECT_TRUE(!is_op || known.count(output.value) > 0) << output.name;
  }
}

TEST(Split, GivesBackRandomGraphs) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Graph graph = test::random_graph(ops(), seed);
    for (const int nodes_max : {1, 3, 8, 256}) {
      const Regions regions = split(graph, ops(), {.nodes_max = nodes_max, .whole_max = 0});
      expect_partition(graph, regions, nodes_max);
      const Graph assembled = assemble(graph, regions, regions.distinct, ops()).graph;
      ASSERT_EQ(assembled.id(), graph.id()) << seed << " " << nodes_max;
    }
  }
}

TEST(Split, KeepsRegionsWithinTheirLimit) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Graph graph = clean(test::random_graph(ops(), seed), ops());
    // Without anything to copy, a region's own nodes are all that it has.
    const Regions regions = split(graph, ops(), {.nodes_max = 5, .whole_max = 0, .copied_max = 1});
    std::set<std::int32_t> seen;
    for (const Region& region : regions.all) {
      int own = 0;
      for (const std::int32_t node : region.nodes) {
        if (graph.node(node).kind == NodeKind::op && seen.insert(node).second) ++own;
      }
      EXPECT_LE(own, 7) << seed;
    }
  }
}

TEST(Split, TakesGraphsWithoutOps) {
  const Graph graph = parse_graph(R"(graph "g" {
    input x: f32[2]
    state s: f32[2]
    constant c: f32[] = 0.5
    output y = x
    output half = c
    update s = x
  })",
                                  ops());

  const Regions regions = split(graph, ops());

  EXPECT_THAT(regions.all, IsEmpty());
  EXPECT_EQ(assemble(graph, regions, {}, ops()).graph.id(), graph.id());
}

TEST(Split, TakesOneNode) {
  const Regions regions = split_text(R"(graph "g" { input x: f32[2] y = neg(x) output z = y })");

  ASSERT_EQ(regions.all.size(), 1U);
  EXPECT_THAT(to_text(regions.distinct[0]), HasSubstr("neg(in0)"));
}

TEST(Split, LeavesASmallGraphWhole) {
  const Regions regions = split_text(R"(graph "g" {
    input x: f32[N,64]
    weight a: f32[64,64]
    weight b: f32[64,32]
    y = matmul(x, a)
    z = gelu(y)
    u = matmul(z, b)
    output v = u
  })");

  EXPECT_EQ(regions.all.size(), 1U);
}

// Both updates are of one node; the other state is read by a later region.
TEST(Split, PassesSwappedStatesThrough) {
  const Graph graph = parse_graph(R"(graph "g" {
    input x: f32[4,6]
    state s: f32[4,6]
    state t: f32[4,6]
    a = add(s, x)
    b = tanh(t)
    c = mul(a, s)
    output o = c
    update s = b
    update t = a
  })",
                                  ops());

  for (const int nodes_max : {1, 2, 256}) {
    const Regions regions = split(graph, ops(), {.nodes_max = nodes_max, .whole_max = 0});
    EXPECT_EQ(assemble(graph, regions, regions.distinct, ops()).graph.id(), graph.id())
        << nodes_max;
  }
}

std::string chain(int count, const char* op) {
  std::string text = "graph \"g\" {\n input x0: f32[N,8]\n";
  for (int i = 0; i < count; ++i) {
    text += fmt::format(" x{} = {}(x{})\n", i + 1, op, i);
  }
  return text + fmt::format(" output y = x{}\n}}\n", count);
}

TEST(Split, LeavesFewNodesWhole) {
  const Graph graph = parse_graph(chain(24, "tanh"), ops());

  EXPECT_EQ(split(graph, ops()).all.size(), 1U);
  EXPECT_EQ(split(graph, ops(), {.whole_max = 23}).all.size(), 24U);
}

TEST(Split, FindsEqualLinksOfAChain) {
  const Regions regions = split_text(chain(40, "tanh"), {.nodes_max = 8});

  EXPECT_EQ(regions.distinct.size(), 1U);
}

// Dims in attributes are values like others.
TEST(Split, TellsSymbolicAttributesApart) {
  const Regions regions = split_text(R"(graph "g" {
    input x: f32[4,8]
    state s: f32[32,8]
    state t: f32[32,8]
    state u: f32[32,8]
    a = update_slice(s, x, axis=0, start=past)
    b = slice(a, axis=0, start=0, stop=4)
    c = update_slice(t, b, axis=0, start=past)
    d = slice(c, axis=0, start=0, stop=4)
    e = update_slice(u, d, axis=0, start=past+1)
    f = slice(e, axis=0, start=0, stop=4)
    output y = f
    update s = a
    update t = c
    update u = e
  })",
                                     {.nodes_max = 2});

  EXPECT_EQ(regions.kind[0], regions.kind[1]);
  EXPECT_NE(regions.kind[1], regions.kind[2]);
}

// Three blocks x + f(x): `shared` is read by each.
std::string blocks(const std::string& before, const std::string& inner) {
  std::string text = "graph \"g\" {\n input x0: f32[N,64]\n" + before;
  for (int i = 0; i < 3; ++i) {
    text += fmt::format(" weight w{}: f32[64,64]\n", i);
    std::string lines = inner;
    for (std::size_t at = 0; (at = lines.find('#')) != std::string::npos;) {
      lines.replace(at, 1, std::to_string(i));
    }
    text += lines + fmt::format(" x{} = add(x{}, f{})\n", i + 1, i, i);
  }
  return text + " output y = x3\n}\n";
}

TEST(Split, CopiesWhatRestsOnWeightsAlone) {
  const Regions regions = split_text(
      blocks(" weight g: f64[64]\n c = cast(g, dtype=f32)\n e = broadcast(c, shape=[N,64])\n",
             " m# = matmul(x#, w#)\n f# = mul(m#, e)\n"));

  ASSERT_EQ(regions.all.size(), 3U);
  EXPECT_THAT(regions.kind, ElementsAre(0, 0, 0));
  EXPECT_THAT(regions.all[0].inputs, SizeIs(1));
  EXPECT_THAT(regions.all[0].weights, SizeIs(2));
}

TEST(Split, CopiesMasksSoThatRulesSeeThem) {
  const Regions regions = split_text(blocks(R"(
    i = iota(start=0, extent=N)
    j = reshape(i, shape=[N,1])
    r = broadcast(j, shape=[N,64])
    constant one: i64[] = 7
    o = broadcast(one, shape=[N,64])
    b = less(r, o)
  )",
                                            R"(
    m# = matmul(x#, w#)
    f# = where(b, m#, x#)
  )"));

  ASSERT_EQ(regions.all.size(), 3U);
  EXPECT_THAT(regions.kind, ElementsAre(0, 0, 0));
  EXPECT_THAT(regions.all[2].inputs, SizeIs(1));
  EXPECT_THAT(to_text(regions.distinct[0]), HasSubstr("less("));
}

TEST(Split, ComputesHeavySharedValuesOnce) {
  const Graph graph = parse_graph(blocks(R"(
    input memory: f32[N,64]
    weight k: f32[64,64]
    h = matmul(memory, k)
  )",
                                         R"(
    m# = matmul(x#, w#)
    f# = mul(m#, h)
  )"),
                                  ops());

  const Regions regions = split(graph, ops(), {.whole_max = 0});

  ASSERT_EQ(regions.all.size(), 4U);
  EXPECT_THAT(regions.kind, ElementsAre(0, 1, 1, 1));
  EXPECT_EQ(regions.all[1].inputs.size(), 2U);
}

TEST(Split, TakesLargeConstantsForWeights) {
  const OpSet& all = ops();
  GraphBuilder builder(all);
  Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 64}});
  const Value table = builder.constant(Tensor(Dtype::f32, {64, 64}));
  const Value half = builder.constant(Tensor::of<float>({64}, std::vector<float>(64, 0.5F)));
  for (int i = 0; i < 2; ++i) {
    const Value own = builder.constant(Tensor::of<float>({64, 64}, std::vector<float>(4096, i)));
    x = x + matmul(matmul(x, table), own) * half;
  }
  builder.output("y", x);
  const Graph graph = builder.finish();

  const Regions regions = split(graph, ops(), {.whole_max = 0, .constant_elements_max = 100});

  EXPECT_EQ(regions.all.size(), 2U);
  EXPECT_EQ(regions.distinct.size(), 1U);
  EXPECT_EQ(regions.all[1].weights.size(), 2U);
  EXPECT_THAT(to_text(regions.distinct[0]), HasSubstr("constant"));
  EXPECT_EQ(assemble(graph, regions, regions.distinct, ops()).graph.id(), graph.id());
}

TEST(Split, KeepsProductsWithTheirEpilogues) {
  const Regions regions = split_text(R"(graph "g" {
    input x: f32[N,64]
    weight a: f32[64,64]
    weight b: f32[64,64]
    weight c: f32[64,64]
    p = matmul(x, a)
    q = gelu(p)
    r = matmul(q, b)
    s = gelu(r)
    t = matmul(s, c)
    output y = t
  })",
                                     {.nodes_max = 2});

  ASSERT_EQ(regions.all.size(), 3U);
  EXPECT_THAT(regions.kind, ElementsAre(0, 0, 1));
}

TEST(Split, FindsBlocksThatBeginAtAnInput) {
  const Regions regions = split_text(blocks("", R"(
    n# = softmax(x#)
    a# = matmul(n#, w#)
    b# = matmul(n#, w#)
    g# = silu(a#)
    f# = mul(g#, b#)
  )"));

  EXPECT_THAT(regions.kind, ElementsAre(0, 0, 0));
}

TEST(Split, RefusesLimitsBelowOne) {
  try {
    split_text(chain(2, "neg"), {.nodes_max = 0});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), HasSubstr("0, 24, 4096 and 0"));
  }
}

// Ten thousand nodes of a chain and as many towers side by side: no worse than nearly linear.
TEST(Split, TakesLargeGraphs) {
  EXPECT_EQ(split_text(chain(10000, "tanh")).distinct.size(), 1U);
  std::string text = "graph \"g\" {\n input x: f32[N,8]\n";
  for (int i = 0; i < 300; ++i) {
    text += fmt::format(" a{} = tanh(x)\n b{} = neg(a{})\n output y{} = b{}\n", i, i, i, i, i);
  }
  const Graph towers = parse_graph(text + "}", ops());
  const Regions regions = split(towers, ops());
  EXPECT_EQ(assemble(towers, regions, regions.distinct, ops()).graph.id(), towers.id());
}

}  // namespace
}  // namespace paceline
