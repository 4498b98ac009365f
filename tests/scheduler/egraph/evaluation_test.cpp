#include "scheduler/egraph/evaluation.h"

#include <gmock/gmock.h>

#include "tests/scheduler/egraph/proves.h"

namespace paceline::egraph {
namespace {

using test::rules_of;
using ::testing::HasSubstr;

const OpSet& all = ops::all_ops();

// What the rule's application on `start` is answered with; empty when it stands.
std::string verdict(const Rule& rule, const test::Leaves& leaves, std::string_view start,
                    bool specials = false) {
  EGraph graph(all, test::checked(specials));
  add_term(graph, start, test::add_leaves(graph, leaves));
  try {
    const Report report = run(graph, rules_of({rule}), {}, Precision::narrows);
    EXPECT_EQ(report.find(rule.name)->applied, 1) << report.to_string();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    return error.what();
  }
  return {};
}

struct Wrong {
  Rule rule;
  test::Leaves leaves;
  std::string start;
};

class WrongRules : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongRules, AreCaughtByName) {
  const auto& [rule, leaves, start] = GetParam();
  EXPECT_THAT(verdict(rule, leaves, start),
              AllOf(HasSubstr("rule \"" + rule.name + "\" equates"), HasSubstr("which differ")));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, WrongRules,
    ::testing::Values(
        Wrong{
            {.name = "constant-off", .left = "(mul ?x 0.5)", .right = "(mul ?x (const 0.5001 ?x))"},
            {{"x", "f32[N,4]"}},
            "(mul ?x (const 0.5 ?x))"},
        Wrong{{.name = "attribute-ignored",
               .left = "(softmax[*] ?x)",
               .right = "(softmax[axis=0] ?x)"},
              {{"x", "f64[3,4]"}},
              "(softmax[axis=1] ?x)"},
        Wrong{{.name = "does-not-commute", .left = "(sub ?x ?y)", .right = "(sub ?y ?x)"},
              {{"x", "f64[4]"}, {"y", "f64[4]"}},
              "(sub ?x ?y)"},
        Wrong{{.name = "transposed",
               .left = "(matmul ?a ?b)",
               .right = "(matmul[transpose_b=true] ?a ?b)"},
              {{"x", "f64[3,3]"}, {"y", "f64[3,3]"}},
              "(matmul ?x ?y)"},
        Wrong{{.name = "epsilon-off",
               .left = "(rsqrt (add ?x 1e-5))",
               .right = "(rsqrt (add ?x (const 1e-6 ?x)))"},
              {{"x", "f32[N,4]"}},
              "(rsqrt (add ?x (const 1e-5 ?x)))"},
        Wrong{{.name = "rounds-and-says-exact",
               .left = "(exp ?x)",
               .right = "(exp (cast[dtype=f32] (cast[dtype=f16] ?x)))"},
              {{"x", "f32[4]"}},
              "(exp ?x)"},
        Wrong{{.name = "greater-or-equal",
               .left = "(greater ?x ?y)",
               .right = "(greater_equal ?x ?y)"},
              {{"x", "i64[40]"}, {"y", "i64[40]"}},
              "(greater ?x ?y)"}),
    [](const auto& info) {
      std::string name = info.param.rule.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(Evaluation, LetsRightRulesStand) {
  EXPECT_EQ(verdict({.name = "distribute",
                     .left = "(mul ?x (add ?y ?z))",
                     .right = "(add (mul ?x ?y) (mul ?x ?z))"},
                    {{"x", "f64[N]"}, {"y", "f64[N]"}, {"z", "f64[N]"}}, "(mul ?x (add ?y ?z))"),
            "");
  // The constant is rounded to f32 on one side alone.
  EXPECT_EQ(verdict({.name = "third",
                     .left = "(div ?x 3)",
                     .right = "(mul ?x (const 0.33333333333333331 ?x))"},
                    {{"x", "f32[N]"}}, "(div ?x (const 3 ?x))"),
            "");
}

TEST(Evaluation, AllowsWhatNarrowsAndSaysSo) {
  Rule rule = {
      .name = "in-bf16",
      .precision = Precision::narrows,
      .left = "(neg (matmul ?x ?y))",
      .right = "(neg (cast[dtype=f32] (matmul (cast[dtype=bf16] ?x) (cast[dtype=bf16] ?y))))"};
  const test::Leaves leaves = {{"x", "f32[4,8]"}, {"y", "f32[8,3]"}};
  EXPECT_EQ(verdict(rule, leaves, "(exp (neg (matmul ?x ?y)))"), "");
  rule.left = "(neg (matmul ?y ?x))";
  EXPECT_THAT(verdict(rule, {{"x", "f32[4,4]"}, {"y", "f32[4,4]"}}, "(neg (matmul ?x ?y))"),
              HasSubstr("in-bf16"));
}

// What was narrowed has parents already, which become congruent.
TEST(Evaluation, CarriesTheNoiseOfNarrowingUpwards) {
  EGraph graph(all, test::checked());
  const auto leaves = test::add_leaves(graph, {{"x", "f32[4]"}});
  const ClassId sharp = add_term(graph, "(exp (neg ?x))", leaves);
  const ClassId rounded =
      add_term(graph, "(exp (cast[dtype=f32] (cast[dtype=bf16] (neg ?x))))", leaves);
  graph.merge(graph.node({sharp.value}).children[0], graph.node({rounded.value}).children[0],
              {"narrow", Precision::narrows});
  graph.rebuild();
  EXPECT_TRUE(graph.same(sharp, rounded));
}

TEST(Evaluation, CastsThereAndBackAreTheIdentity) {
  const Rule back = {
      .name = "there-and-back", .left = "(cast[dtype=f16] (cast[dtype=f32] ?x))", .right = "?x"};
  EXPECT_EQ(
      verdict(back, {{"x", "f16[9]"}}, "(cast[dtype=f16] (cast[dtype=f32] (mul ?x (add ?x ?x))))"),
      "");
}

TEST(Evaluation, SpecialsCatchWhatFailsForInfinity) {
  const Rule zero = {.name = "times-zero", .left = "(mul ?x 0)", .right = "(const 0 ?x)"};
  const test::Leaves leaves = {{"x", "f64[64]"}};
  EXPECT_EQ(verdict(zero, leaves, "(mul ?x (const 0 ?x))"), "");
  EXPECT_THAT(verdict(zero, leaves, "(mul ?x (const 0 ?x))", true), HasSubstr("times-zero"));
}

TEST(Evaluation, ChecksCongruenceToo) {
  EGraph graph(all, test::checked());
  const auto leaves = test::add_leaves(graph, {{"x", "f64[4]"}, {"y", "f64[4]"}});
  EXPECT_THROW(graph.merge(leaves.at("x"), leaves.at("y"), {"given"}), Error);
}

TEST(Evaluation, GivesTheValuesOfClasses) {
  Evaluation check{.bindings = {{"N", 2}}};
  check.values["x"] = Tensor::of<float>({2}, {3, -4});
  EGraph graph(all, {.check = check});
  const auto leaves = test::add_leaves(graph, {{"x", "f32[N]"}});
  const ClassId y = add_term(graph, "(mul ?x (const 2 ?x))", leaves);
  EXPECT_THAT(graph.value(y).to_doubles(), ::testing::ElementsAre(6, -8));
}

TEST(Evaluation, RefusesValuesThatDoNotFit) {
  Evaluation check{.bindings = {{"N", 3}}};
  check.values["x"] = Tensor::of<float>({2}, {3, -4});
  EGraph graph(all, {.check = check});
  EXPECT_THAT(
      [&] {
        test::add_leaves(graph, {{"x", "f32[N]"}});
      },
      ::testing::ThrowsMessage<Error>(HasSubstr("\"x\" must be f32[N]: f32[2]")));
}

TEST(Evaluation, AsksForLeavesThatTheReferenceTakes) {
  Evaluation check;
  check.values["i"] = Tensor::of<std::int64_t>({1}, {7});
  EGraph graph(all, {.check = check});
  const auto leaves = test::add_leaves(graph, {{"x", "f32[4]"}, {"i", "i64[1]"}});
  EXPECT_THAT([&] { add_term(graph, "(gather ?x ?i)", leaves); },
              ::testing::ThrowsMessage<Error>(HasSubstr("give fitting ones")));
}

}  // namespace
}  // namespace paceline::egraph
