#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "scheduler/egraph/runner.h"

namespace paceline {
namespace {

// A rule that is wrong in one way, and a graph on which it shows.
struct WrongRule {
  std::string what;
  egraph::Rule rule;
  std::string graph;
  bool specials = false;  // It shows with NaN and infinity only.
};

std::vector<WrongRule> wrong_rules() {
  using enum Precision;
  return {
      {"AConstantThatIsOff",
       {"tanh-gelu-off", approximates,
        "(mul (mul 0.5 ?x) (add 1 (tanh (mul ?c:const (add ?x (mul (mul 0.045 ?x) (mul ?x "
        "?x)))))))",
        "(gelu[approximate=\"tanh\"] ?x)"},
       "input x: f64[7] constant half: f64[] = 0.5 constant one: f64[] = 1 "
       "constant cubic: f64[] = 0.045 constant slope: f64[] = 0.7978845608028654 "
       "bh = broadcast(half, shape=[7]) bo = broadcast(one, shape=[7]) "
       "bc = broadcast(cubic, shape=[7]) bs = broadcast(slope, shape=[7]) "
       "square = mul(x, x) first = mul(bc, x) cube = mul(first, square) sum = add(x, cube) "
       "angle = mul(bs, sum) t = tanh(angle) bump = add(bo, t) halved = mul(bh, x) "
       "y = mul(halved, bump) output y = y"},
      {"AConstantOfAnyValue",
       {"silu-of-any-slope", exact, "(mul ?x (sigmoid (mul ?x ?c:const)))", "(silu ?x)"},
       "input x: f64[7] constant slope: f64[] = 1.702 b = broadcast(slope, shape=[7]) "
       "s = mul(x, b) g = sigmoid(s) y = mul(x, g) output y = y"},
      {"AnAttributeIgnored",
       {"cumsum-neg", exact, "(cumsum[*] (neg ?x))", "(neg (cumsum[axis=-1] ?x))"},
       "input x: f64[3,3] n = neg(x) y = cumsum(n, axis=0) output y = y"},
      {"ATransposeIgnored",
       {"matmul-factor", exact, "(matmul[*] (mul ?a ?c:const) ?b)", "(mul (matmul ?a ?b) ?c)"},
       "input a: f64[4,4] input b: f64[4,4] constant two: f64[] = 2 "
       "c = broadcast(two, shape=[4,4]) s = mul(a, c) y = matmul(s, b, transpose_b=true) "
       "output y = y"},
      {"AnAxisOffByOne",
       {"permute-softmax", exact, "(permute[order=?p] (softmax[axis=-1] ?x))",
        "(softmax[axis=-2] (permute[order=?p] ?x))"},
       "input x: f64[2,3,4] s = softmax(x, axis=-1) y = permute(s, order=[2,0,1]) output y = y"},
      {"AMissingCondition",
       {"softmax-shift", reorders, "(softmax[axis=?a] (add ?x ?y))", "(softmax[axis=?a] ?x)"},
       "input x: f64[3,4] input y: f64[3,4] s = add(x, y) p = softmax(s, axis=-1) output p = p"},
      {"AnotherBroadcast",
       {"broadcast-reshape", exact, "(broadcast[shape=?s] (reshape[*] ?x))",
        "(broadcast[shape=?s] ?x)"},
       "input x: f64[4] r = reshape(x, shape=[4,1]) y = broadcast(r, shape=[4,4]) output y = y"},
      {"ADtypeIgnored",
       {"cast-cast", exact, "(cast[dtype=?d] (cast[*] ?x))", "(cast[dtype=?d] ?x)"},
       "input x: f64[5] h = cast(x, dtype=f16) y = cast(h, dtype=f64) output y = y"},
      {"IntegersForFloats",
       {"mul-div", exact, "(mul (div ?a ?b) ?b)", "?a"},
       "input a: i64[6] constant c: i64[] = 2 b = broadcast(c, shape=[6]) q = div(a, b) "
       "y = mul(q, b) output y = y"},
      {"OperandsSwapped",
       {"concat-neg", exact, "(neg (concat[axis=?a] ?x ?y))",
        "(concat[axis=?a] (neg ?y) (neg ?x))"},
       "input x: f64[3] input y: f64[3] c = concat(x, y, axis=0) z = neg(c) output z = z"},
      {"EpsilonIgnored",
       {"rms-norm-of-another-epsilon", approximates, "(rms_norm[*] ?x ?w)",
        "(rms_norm[epsilon=1e-5] ?x ?w)"},
       "input x: f64[3,4] weight w: f64[4] y = rms_norm(x, w, epsilon=0.1) output y = y"},
      {"NoThoughtOfInfinity",
       {"sub-itself", exact, "(sub ?x ?x)", "(const 0 ?x)"},
       "input x: f64[64] y = sub(x, x) output y = y",
       true},
      {"AMaskThatIsNotCausal",
       {"causal-dropped", exact, "(attention[causal=true,*=?r] ?q ?k ?v)",
        "(attention[causal=false,*=?r] ?q ?k ?v)"},
       "input q: f64[1,2,3,4] input k: f64[1,2,3,4] input v: f64[1,2,3,4] "
       "y = attention(q, k, v, scale=0.5, causal=true) output y = y"},
  };
}

class Wrong : public testing::TestWithParam<WrongRule> {};

TEST_P(Wrong, IsCaughtByName) {
  const WrongRule& wrong = GetParam();
  const Graph graph = parse_graph(fmt::format("graph \"g\" {{ {} }}", wrong.graph), ops::all_ops());
  const egraph::Rules rules{.compiled = compile_rule(wrong.rule, ops::all_ops(), {})};
  egraph::EGraph egraph(ops::all_ops(), {.check = egraph::Evaluation{.integers_below = 10,
                                                                     .specials = wrong.specials}});
  egraph.add_graph(graph);
  try {
    run(egraph, rules, {}, Precision::narrows);
    ADD_FAILURE() << "nothing was noticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), testing::HasSubstr(wrong.rule.name));
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, Wrong, testing::ValuesIn(wrong_rules()),
                         [](const auto& info) { return info.param.what; });

}  // namespace
}  // namespace paceline
