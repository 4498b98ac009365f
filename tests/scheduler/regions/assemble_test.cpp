#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "scheduler/regions/regions.h"

namespace paceline {
namespace {

using testing::HasSubstr;

const OpSet& ops() { return ops::all_ops(); }

// Two blocks x + tanh(x w), the second with a cache.
class TwoBlocks : public testing::Test {
 protected:
  TwoBlocks()
      : original_(parse_graph(R"(graph "two" {
    input x: f32[N,64]
    weight a: f32[64,64]
    weight b: f32[64,64]
    state s: f32[N,64]
    p = matmul(x, a)
    q = tanh(p)
    y = add(x, q)
    r = matmul(y, b)
    t = tanh(r)
    u = add(s, t)
    z = add(y, u)
    output out = z
    update s = u
  })",
                              ops())),
        regions_(split(original_, ops(), {.nodes_max = 4, .whole_max = 0})) {}

  // What is said when `text` stands for the second block.
  std::string refusal(std::string_view text) {
    std::vector<Graph> solved = regions_.distinct;
    solved.back() = parse_graph(text, ops());
    try {
      assemble(original_, regions_, solved, ops());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      return error.what();
    }
    return "accepted";
  }

  Graph original_;
  Regions regions_;
};

TEST_F(TwoBlocks, AreTwoKinds) {
  ASSERT_EQ(regions_.all.size(), 2U);
  EXPECT_NE(regions_.kind[0], regions_.kind[1]);
  EXPECT_EQ(regions_.all[1].states.size(), 1U);
}

// A weight that is prepared, a constant and a state in another place.
TEST_F(TwoBlocks, TakeNewNodesConstantsAndWorkOnWeights) {
  std::vector<Graph> solved = regions_.distinct;
  solved.back() = parse_graph(R"(graph "solved" {
    weight w0: f32[64,64]
    state s0: f32[N,64]
    input in0: f32[N,64]
    constant one: f32[] = 1.0
    ones = broadcast(one, shape=[64,64])
    v = mul(w0, ones)
    r = matmul(in0, v)
    t = tanh(r)
    u = add(s0, t)
    z = add(in0, u)
    output out0 = z
    update s0 = u
  })",
                              ops());

  const Assembled assembled = assemble(original_, regions_, solved, ops());

  const std::string text = to_text(assembled.graph);
  EXPECT_THAT(text, HasSubstr("mul(b, "));
  EXPECT_THAT(text, HasSubstr("add(s, "));
  EXPECT_THAT(text, HasSubstr("update s = "));
  ASSERT_EQ(assembled.origins.size(), assembled.graph.nodes().size());
  for (std::size_t i = 0; i < assembled.origins.size(); ++i) {
    const auto& [kind, node] = assembled.origins[i];
    if (kind < 0) continue;
    EXPECT_EQ(assembled.graph.nodes()[i].op, solved[kind].node(node).op);
  }
}

TEST_F(TwoBlocks, RefuseWhatDoesNotFit) {
  EXPECT_THAT(refusal(R"(graph "g" { input in0: f32[N,64] output y = in0 })"),
              HasSubstr("of kind 1 lacks an output: \"out0\""));
  EXPECT_THAT(refusal(R"(graph "g" { input in0: f32[N,64] output out0 = in0 })"),
              HasSubstr("of kind 1 does not update a state: \"s0\""));
  EXPECT_THAT(refusal(R"(graph "g" { input in7: f32[N,64] output out0 = in7 })"),
              HasSubstr("of kind 1 reads what they do not: \"in7\""));
  EXPECT_THAT(refusal(R"(graph "g" { input in0: f32[N,32] output out0 = in0 })"),
              HasSubstr("\"in0\": f32[N,32] in place of f32[N,64]"));
  EXPECT_THAT(refusal(R"(graph "g" { input in0: f32[N,64] y = reshape(in0, shape=[64,N])
                                     output out0 = y })"),
              HasSubstr("\"out0\": f32[64,N] in place of f32[N,64]"));
}

TEST_F(TwoBlocks, NeedOneSolvedGraphEach) {
  EXPECT_THROW(assemble(original_, regions_, {}, ops()), Error);
}

}  // namespace
}  // namespace paceline
