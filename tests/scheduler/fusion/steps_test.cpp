#include "scheduler/fusion/steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"

namespace paceline::fusion {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Graph graph_of(const std::string& body) {
  return parse_graph("graph \"g\" {\n" + body + "\n}", ops::all_ops());
}

std::vector<std::string> steps(const std::string& body) {
  const Graph graph = graph_of(body);
  std::vector<std::string> ops;
  const auto groups = find_steps(graph, ops::all_ops());
  for (const Group& group : groups) ops.push_back(group.op);
  fuse(graph, groups, ops::all_ops());  // Throws where types or order do not fit.
  return ops;
}

const std::string weights =
    "input x: f32[B,N,32] weight n: f32[32] weight wq: f32[32,32] weight wk: f32[16,32] "
    "weight bq: f32[32] weight bk: f32[16] norm = rms_norm(x, n) ";

TEST(Steps, NormsAndMultipliesInOne) {
  const Graph graph = graph_of(weights +
                               "q = linear(norm, wq, bq) k = linear(norm, wk, bk) "
                               "output q = q output k = k");
  const auto groups = find_steps(graph, ops::all_ops());
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].op, "norm_linears");
  EXPECT_TRUE(groups[0].attributes.get<bool>("has_bias"));
  const Fused fused = fuse(graph, groups, ops::all_ops());
  EXPECT_THAT(fused.is_group, ElementsAre(false, false, false, false, false, false, true));
  EXPECT_EQ(fused.graph.node(6).inputs.size(), 6u);
}

TEST(Steps, LeavesNormsThatOthersRead) {
  EXPECT_THAT(steps(weights + "q = linear(norm, wq) e = exp(norm) output q = q output e = e"),
              IsEmpty());
  EXPECT_THAT(steps(weights + "q = linear(norm, wq) output q = q output n = norm"), IsEmpty());
}

TEST(Steps, WantsBiasesOfAllOrNone) {
  EXPECT_THAT(
      steps(weights + "q = linear(norm, wq, bq) k = linear(norm, wk) output q = q output k = k"),
      IsEmpty());
}

const std::string gated =
    "input x: f32[B,32] weight n: f32[32] weight g: f32[64,32] weight u: f32[64,32] "
    "weight d: f32[32,64] norm = rms_norm(x, n) a = linear(norm, g) b = linear(norm, u) "
    "m = gated_activation(a, b, activation=\"gelu\") ";

TEST(Steps, GatesAndAddsInOne) {
  EXPECT_THAT(steps(gated + "p = linear(m, d) y = add(x, p) output y = y"),
              ElementsAre("norm_linears_gated", "linear_residual"));
  EXPECT_THAT(steps(gated + "p = linear(m, d) y = add(p, x) output y = y"),
              ElementsAre("norm_linears_gated", "linear_residual"));
}

TEST(Steps, GatesNothingThatOthersRead) {
  EXPECT_THAT(steps(gated + "output m = m output a = a"), ElementsAre("norm_linears"));
}

TEST(Steps, AddsNoProductThatOthersRead) {
  EXPECT_THAT(steps(gated + "p = linear(m, d) y = add(x, p) output y = y output p = p"),
              ElementsAre("norm_linears_gated"));
}

// Four heads of 8 over two, `between` what the queries' heads go through.
std::string heads(const std::string& between, const std::string& rest = "") {
  return "input q: f32[B,N,32] input k: f32[B,N,16] input v: f32[B,N,16] input c: f32[N,4] "
         "input s: f32[N,4] weight nq: f32[8] weight nk: f32[8] state ks: f32[B,2,C,8] "
         "state vs: f32[B,2,C,8] "
         "q4 = reshape(q, shape=[B,N,4,8]) k4 = reshape(k, shape=[B,N,2,8]) "
         "v4 = reshape(v, shape=[B,N,2,8]) qh = permute(q4, order=[0,2,1,3]) "
         "kh = permute(k4, order=[0,2,1,3]) vh = permute(v4, order=[0,2,1,3]) " +
         between +
         "keys = update_slice(ks, kr, axis=2, start=past) "
         "values = update_slice(vs, vh, axis=2, start=past) "
         "kl = slice(keys, axis=2, start=0, stop=past+N) "
         "vl = slice(values, axis=2, start=0, stop=past+N) "
         "y = attention(qr, kl, vl, causal=true, scale=0.5) output y = y update ks = keys "
         "update vs = values " +
         rest;
}

TEST(Steps, AppendsHeadsInOne) {
  const std::string plain = heads("qr = rope(qh, c, s) kr = rope(kh, c, s) ");
  EXPECT_THAT(steps(plain), ElementsAre("head_append"));
  const Graph graph = graph_of(plain);
  const Graph after = fuse(graph, find_steps(graph, ops::all_ops()), ops::all_ops()).graph;
  EXPECT_EQ(after.state_updates().size(), 2u);
  EXPECT_THAT(steps(heads("qn = rms_norm(qh, nq) kn = rms_norm(kh, nk) "
                          "qr = rope(qn, c, s) kr = rope(kn, c, s) ")),
              ElementsAre("head_append"));
}

void replace(std::string& text, const std::string& part, const std::string& by) {
  text.replace(text.find(part), part.size(), by);
}

TEST(Steps, NormsHeadsBeforeTheyAreMoved) {
  std::string body = heads("qr = rope(qh, c, s) kr = rope(kh, c, s) ");
  replace(body, "qh = permute(q4", "qn = rms_norm(q4, nq) qh = permute(qn");
  replace(body, "kh = permute(k4", "kn = rms_norm(k4, nk) kh = permute(kn");
  EXPECT_THAT(steps(body), ElementsAre("head_append"));
}

TEST(Steps, AppendsNoHeadsThatDifferOrAreReadElsewhere) {
  // One normed, the other not.
  EXPECT_THAT(steps(heads("qn = rms_norm(qh, nq) qr = rope(qn, c, s) kr = rope(kh, c, s) ")),
              IsEmpty());
  // Other norms.
  EXPECT_THAT(steps(heads("qn = rms_norm(qh, nq, epsilon=1e-3) kn = rms_norm(kh, nk) "
                          "qr = rope(qn, c, s) kr = rope(kn, c, s) ")),
              IsEmpty());
  // Other tables.
  EXPECT_THAT(steps(heads("qr = rope(qh, c, s) kr = rope(kh, s, c) ")), IsEmpty());
  // Keys that are given as they are, too.
  EXPECT_THAT(steps(heads("qr = rope(qh, c, s) kr = rope(kh, c, s) ", "output kr = kr ")),
              IsEmpty());
}

// Rows of 8 positions of a head, one after the other, are no heads of one position.
TEST(Steps, AppendsNoHeadsThatLieOtherwise) {
  std::string body = heads("qr = rope(qh, c, s) kr = rope(kh, c, s) ");
  replace(body, "kh = permute(k4, order=[0,2,1,3])", "kh = reshape(k, shape=[B,2,N,8])");
  EXPECT_THAT(steps(body), IsEmpty());
}

}  // namespace
}  // namespace paceline::fusion
