#include <gtest/gtest.h>

#include <fmt/format.h>

#include "scheduler/rules/families.h"
#include "tests/scheduler/rules/saturate.h"

// What all rules together find, and what they must not find.
namespace paceline::test {
namespace {

// GELU by tanh in f32 with its two constants as exporters round them.
std::string gelu_tanh(std::string_view slope, std::string_view cubic) {
  return fmt::format(
      "input x: f32[B,8] constant k3: f32[] = 3 e3 = broadcast(k3, shape=[B,8]) p = pow(x, e3) "
      "constant kc: f32[] = {} c = broadcast(kc, shape=[B,8]) q = mul(p, c) s = add(x, q) "
      "constant ks: f32[] = {} k = broadcast(ks, shape=[B,8]) a = mul(s, k) t = tanh(a) "
      "constant k1: f32[] = 1 one = broadcast(k1, shape=[B,8]) g = add(t, one) "
      "constant kh: f32[] = 0.5 h = broadcast(kh, shape=[B,8]) u = mul(x, h) y = mul(u, g) "
      "output y = y",
      cubic, slope);
}

TEST(LiftActivation, FindsGeluByTanhInF32) {
  EXPECT_TRUE(proves(gelu_tanh("0.7978845608028654", "0.044715"),
                     "input x: f32[B,8] y = gelu(x, approximate=\"tanh\") output y = y",
                     Precision::reorders, {{"B", 3}}));
}

TEST(LiftActivation, LeavesGeluWithAnotherConstant) {
  EXPECT_FALSE(
      lifts_to(gelu_tanh("0.7978845608028654", "0.0447"), "gelu", Precision::narrows, {{"B", 3}}));
  EXPECT_FALSE(lifts_to(gelu_tanh("0.79", "0.044715"), "gelu", Precision::narrows, {{"B", 3}}));
}

std::string gelu_erf(std::string_view divisor, std::string_view half) {
  return fmt::format(
      "input x: f64[2,8] constant kd: f64[] = {} d = broadcast(kd, shape=[2,8]) a = div(x, d) "
      "f = erf(a) constant k1: f64[] = 1 one = broadcast(k1, shape=[2,8]) g = add(f, one) "
      "u = mul(x, g) constant kh: f64[] = {} h = broadcast(kh, shape=[2,8]) y = mul(u, h) "
      "output y = y",
      divisor, half);
}

TEST(LiftActivation, FindsGeluOnlyWithItsConstants) {
  EXPECT_TRUE(lifts_to(gelu_erf("1.4142135623730951", "0.5"), "gelu"));
  EXPECT_FALSE(lifts_to(gelu_erf("1.4142", "0.5"), "gelu"));
  EXPECT_FALSE(lifts_to(gelu_erf("1.4142135623730951", "0.50001"), "gelu"));
}

TEST(LiftActivation, FindsAGateOfAnActivationSpelledOut) {
  const std::string start =
      "input x: f64[2,8] input u: f64[2,8] s = sigmoid(x) a = mul(x, s) y = mul(u, a) output y = y";
  EXPECT_TRUE(
      proves(start, "input x: f64[2,8] input u: f64[2,8] y = gated_activation(x, u) output y = y"));
}

// A norm whose constant counts `count`, with the epsilon inside or outside of the root.
std::string rms_norm(std::string_view count, bool epsilon_outside = false,
                     std::string_view axes = "[-1]") {
  const std::string spread = axes == "[-1]" ? "[2,4,1]" : "[2,1,4]";
  return fmt::format(
      "input x: f64[2,4,4] weight w: f64[4] constant k2: f64[] = 2 "
      "e2 = broadcast(k2, shape=[2,4,4]) p = pow(x, e2) t = reduce_sum(p, axes={0}, "
      "keep_dims=true) constant kn: f64[] = {1} n = broadcast(kn, shape={2}) m = div(t, n) "
      "constant ke: f64[] = 0.001 e = broadcast(ke, shape={2}) {3} "
      "b = broadcast(r, shape=[2,4,4]) i = div(x, b) g = broadcast(w, shape=[2,4,4]) "
      "y = mul(g, i) output y = y",
      axes, count, spread,
      epsilon_outside ? "v = sqrt(m) r = add(v, e)" : "v = add(m, e) r = sqrt(v)");
}

TEST(LiftNorm, FindsRmsNorm) {
  EXPECT_TRUE(proves(rms_norm("4"),
                     "input x: f64[2,4,4] weight w: f64[4] y = rms_norm(x, w, epsilon=0.001) "
                     "output y = y",
                     Precision::reorders));
}

TEST(LiftNorm, LeavesWhatIsNoMean) { EXPECT_FALSE(lifts_to(rms_norm("4.001"), "rms_norm")); }
TEST(LiftNorm, LeavesAnEpsilonOutsideOfTheRoot) {
  EXPECT_FALSE(lifts_to(rms_norm("4", true), "rms_norm"));
}
TEST(LiftNorm, LeavesAnotherAxis) {
  EXPECT_FALSE(lifts_to(rms_norm("4", false, "[-2]"), "rms_norm"));
}

std::string softmax(std::string_view max_axis, std::string_view sum_axis) {
  return fmt::format(
      "input x: f64[3,3] m = reduce_max(x, axes=[{}], keep_dims=true) "
      "b = broadcast(m, shape=[3,3]) s = sub(x, b) e = exp(s) "
      "t = reduce_sum(e, axes=[{}], keep_dims=true) c = broadcast(t, shape=[3,3]) y = div(e, c) "
      "output y = y",
      max_axis, sum_axis);
}

TEST(LiftSoftmax, CountsAxesFromEitherEnd) {
  EXPECT_TRUE(proves(softmax("1", "1"), "input x: f64[3,3] y = softmax(x) output y = y"));
  EXPECT_TRUE(proves(softmax("0", "-2"), "input x: f64[3,3] y = softmax(x, axis=-2) output y = y"));
}

TEST(LiftSoftmax, LeavesDifferentAxes) {
  EXPECT_FALSE(proves(softmax("1", "0"), "input x: f64[3,3] y = softmax(x) output y = y"));
}

// x cos + rotate_half(x) sin, with tables of `cos` and `sin` halves.
std::string rope(std::string_view half, std::string_view cos, std::string_view sign) {
  return fmt::format(
      "input x: f64[2,3,N,4] input c: f64[N,2] input d: f64[N,2] input s: f64[N,2] "
      "c2 = concat({1}, axis=-1) s2 = concat(s, s, axis=-1) cb = broadcast(c2, shape=[2,3,N,4]) "
      "sb = broadcast(s2, shape=[2,3,N,4]) a = slice(x, axis=3, stop={0}) "
      "b = slice(x, axis=3, start={0}, stop=4) n = {2}(b) h = concat(n, a, axis=3) "
      "p = mul(x, cb) q = mul(h, sb) y = add(p, q) output y = y",
      half, cos, sign);
}

TEST(LiftRope, FindsRotateHalf) {
  EXPECT_TRUE(proves(rope("2", "c, c", "neg"),
                     "input x: f64[2,3,N,4] input c: f64[N,2] input s: f64[N,2] "
                     "y = rope(x, c, s) output y = y",
                     Precision::reorders, {{"N", 5}}));
}

TEST(LiftRope, LeavesOtherHalvesTablesAndSigns) {
  const Bindings bindings{{"N", 5}};
  EXPECT_FALSE(lifts_to(rope("1", "c, c", "neg"), "rope", Precision::narrows, bindings));
  EXPECT_FALSE(lifts_to(rope("2", "c, d", "neg"), "rope", Precision::narrows, bindings));
  EXPECT_FALSE(lifts_to(rope("2", "c, c", "abs"), "rope", Precision::narrows, bindings));
}

// Scores scaled on both sides, keys of two heads repeated for four, and a mask by `compare`.
std::string attention(std::string_view compare, std::string_view filler = "-inf",
                      std::string_view softmax_axis = "-1") {
  return fmt::format(
      "input q: f64[B,4,N,2] input k: f64[B,2,N,2] input v: f64[B,2,N,2] "
      "k1 = reshape(k, shape=[B,2,1,N,2]) k2 = broadcast(k1, shape=[B,2,2,N,2]) "
      "k3 = reshape(k2, shape=[B,4,N,2]) v1 = reshape(v, shape=[B,2,1,N,2]) "
      "v2 = broadcast(v1, shape=[B,2,2,N,2]) v3 = reshape(v2, shape=[B,4,N,2]) "
      "kt = permute(k3, order=[0,1,3,2]) constant kc: f64[] = 0.8 "
      "cq = broadcast(kc, shape=[B,4,N,2]) ck = broadcast(kc, shape=[B,4,2,N]) "
      "qs = mul(q, cq) ks = mul(kt, ck) s = matmul(qs, ks) "
      "i = iota(extent=N) ic = reshape(i, shape=[N,1]) kb = broadcast(i, shape=[B,4,N,N]) "
      "qb = broadcast(ic, shape=[B,4,N,N]) m = {}(kb, qb) constant kf: f64[] = {} "
      "f = broadcast(kf, shape=[B,4,N,N]) w = where(m, s, f) p = softmax(w, axis={}) "
      "y = matmul(p, v3) output y = y",
      compare, filler, softmax_axis);
}

const Bindings sizes{{"B", 2}, {"N", 5}};

// The scale is a product of two rounded factors, so attributes are compared with a margin.
const egraph::Operator* attention_of(const Saturated& saturated, std::size_t operands) {
  const egraph::Operator* found = nullptr;
  for (const egraph::NodeId node : saturated.graph->nodes_of(saturated.outputs[0])) {
    const egraph::Operator& op = saturated.graph->operator_of(node);
    const auto& children = saturated.graph->node(node).children;
    if (!op.is("attention") || children.size() != operands) continue;
    if (saturated.graph->facts(children[1]).type.shape[1] != 2) continue;
    if (std::abs(op.attributes.get<double>("scale") - 0.64) < 1e-12) found = &op;
  }
  return found;
}

Saturated lifted(const std::string& start) {
  return saturate(rules::graph(start), every_rule(),
                  {.precision = Precision::approximates, .bindings = sizes});
}

TEST(LiftAttention, FindsScaleGroupsAndTheCausalMask) {
  const Saturated saturated = lifted(attention("less_equal"));
  const egraph::Operator* op = attention_of(saturated, 3);
  ASSERT_NE(op, nullptr);
  EXPECT_TRUE(op->attributes.get<bool>("causal"));
  EXPECT_EQ(op->attributes.get<std::int64_t>("window"), 0);
}

TEST(LiftAttention, TakesLowNumbersForHiddenKeys) {
  const Saturated saturated = lifted(attention("less_equal", "-3.4e38"));
  const egraph::Operator* op = attention_of(saturated, 3);
  ASSERT_NE(op, nullptr);
  EXPECT_TRUE(op->attributes.get<bool>("causal"));
}

TEST(LiftAttention, KeepsAMaskThatIsNotCausal) {
  const Saturated saturated = lifted(attention("greater_equal"));
  EXPECT_EQ(attention_of(saturated, 3), nullptr);
  const egraph::Operator* op = attention_of(saturated, 4);
  ASSERT_NE(op, nullptr);
  EXPECT_FALSE(op->attributes.get<bool>("causal"));
}

TEST(LiftAttention, KeepsAMaskThatHidesTheQuerysOwnKey) {
  EXPECT_EQ(attention_of(lifted(attention("less")), 3), nullptr);
}

TEST(LiftAttention, LeavesNumbersThatAreNotLow) {
  EXPECT_FALSE(lifts_to(attention("less_equal", "-50"), "attention", Precision::narrows, sizes));
}

TEST(LiftAttention, LeavesASoftmaxOverQueries) {
  EXPECT_FALSE(
      lifts_to(attention("less_equal", "-inf", "-2"), "attention", Precision::narrows, sizes));
}

}  // namespace
}  // namespace paceline::test
