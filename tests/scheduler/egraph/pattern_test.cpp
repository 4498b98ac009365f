#include <gmock/gmock.h>

#include "tests/scheduler/egraph/proves.h"

namespace paceline::egraph {
namespace {

using test::proves;
using test::rules_of;
using ::testing::HasSubstr;

const Shape& shape_of(const Argument& argument, const EGraph& graph) {
  return graph.facts(std::get<ClassId>(argument)).type.shape;
}

const std::vector<std::int64_t>& integers_of(const Argument& argument) {
  return std::get<std::vector<std::int64_t>>(std::get<Attribute>(argument));
}

Functions functions() {
  Functions functions;
  functions.conditions["same_shape"] = [](Arguments in, const EGraph& graph) {
    return shape_of(in[0], graph) == shape_of(in[1], graph);
  };
  functions.attributes["compose"] = [](Arguments in, const EGraph&) -> std::optional<Attribute> {
    std::vector<std::int64_t> order;
    for (const std::int64_t axis : integers_of(in[1])) order.push_back(integers_of(in[0])[axis]);
    return order;
  };
  functions.attributes["value"] = [](Arguments in,
                                     const EGraph& graph) -> std::optional<Attribute> {
    return *graph.facts(std::get<ClassId>(in[0])).splat;
  };
  functions.attributes["never"] = [](Arguments, const EGraph&) -> std::optional<Attribute> {
    return std::nullopt;
  };
  functions.attributes["count"] = [](Arguments in, const EGraph&) -> std::optional<Attribute> {
    return static_cast<std::int64_t>(std::get<std::vector<ClassId>>(in[0]).size());
  };
  return functions;
}

bool rewrites(const Rule& rule, const test::Leaves& leaves, std::string_view start,
              std::string_view goal) {
  const Functions known = functions();
  return proves(rules_of({rule}, known), leaves, start, goal, known);
}

Rule rule(std::string left, std::string right, std::vector<std::string> conditions = {}) {
  return {.name = "tested",
          .left = std::move(left),
          .right = std::move(right),
          .conditions = std::move(conditions)};
}

TEST(Pattern, MatchesOpsBelowOps) {
  const Rule twice = rule("(neg (neg ?x))", "?x");
  EXPECT_TRUE(rewrites(twice, {{"x", "f64[4]"}}, "(exp (neg (neg (sin ?x))))", "(exp (sin ?x))"));
  EXPECT_FALSE(rewrites(twice, {{"x", "f64[4]"}}, "(neg (sin (neg ?x)))", "(sin ?x)"));
}

TEST(Pattern, AVariableThatStandsTwiceMustBeEqual) {
  const Rule zero = rule("(sub ?x ?x)", "(const 0 ?x)");
  EXPECT_TRUE(rewrites(zero, {{"x", "f64[N,4]"}}, "(sub (exp ?x) (exp ?x))", "(const 0 ?x)"));
  EXPECT_FALSE(rewrites(zero, {{"x", "f64[4]"}, {"y", "f64[4]"}}, "(sub ?x ?y)", "(const 0 ?x)"));
}

TEST(Pattern, UnnamedAttributesMustHaveTheirDefault) {
  const test::Leaves square = {{"a", "f64[4,4]"}, {"b", "f64[4,4]"}};
  const Rule swap =
      rule("(matmul ?a (permute[order=[1,0]] ?b))", "(matmul[transpose_b=true] ?a ?b)");
  EXPECT_TRUE(rewrites(swap, square, "(matmul ?a (permute[order=[1,0]] ?b))",
                       "(matmul[transpose_b=true] ?a ?b)"));
  EXPECT_FALSE(rewrites(swap, square, "(matmul[transpose_a=true] ?a (permute[order=[1,0]] ?b))",
                        "(matmul[transpose_b=true] ?a ?b)"));
}

TEST(Pattern, AttributeVariablesBindAndCompare) {
  const Rule twice = rule("(permute[order=?p] (permute[order=?p] ?x))", "?x");
  EXPECT_TRUE(rewrites(twice, {{"x", "f64[2,3]"}},
                       "(permute[order=[1,0]] (permute[order=[1,0]] ?x))", "?x"));
  const Rule any =
      rule("(permute[order=?p] (permute[order=?q] ?x))", "(permute[order=compose(?q, ?p)] ?x)");
  EXPECT_TRUE(rewrites(any, {{"x", "f64[2,3,4]"}},
                       "(permute[order=[1,2,0]] (permute[order=[0,2,1]] ?x))",
                       "(permute[order=[2,1,0]] ?x)"));
}

TEST(Pattern, TheRestOfTheAttributesCanBeBoundTogether) {
  const Rule inward = rule("(neg (slice[*=?rest] ?x))", "(slice[*=?rest] (neg ?x))");
  EXPECT_TRUE(rewrites(inward, {{"x", "f64[9,4]"}},
                       "(neg (slice[axis=0,start=1,stop=8,step=3] ?x))",
                       "(slice[axis=0,start=1,stop=8,step=3] (neg ?x))"));
  const Rule some = rule("(slice[axis=?a,*=?rest] (neg ?x))", "(neg (slice[axis=?a,*=?rest] ?x))");
  EXPECT_TRUE(rewrites(some, {{"x", "f64[9,4]"}}, "(slice[axis=1,start=1,stop=3] (neg ?x))",
                       "(neg (slice[axis=1,start=1,stop=3] ?x))"));
}

TEST(Pattern, NumbersMatchValuesAfterRounding) {
  const Rule half = rule("(mul ?x 0.1)", "(div ?x (const 10 ?x))");
  EXPECT_TRUE(
      rewrites(half, {{"x", "f32[N,4]"}}, "(mul (const 0.1 ?x) ?x)", "(div ?x (const 10 ?x))"));
  EXPECT_FALSE(
      rewrites(half, {{"x", "f32[N,4]"}}, "(mul (const 0.10001 ?x) ?x)", "(div ?x (const 10 ?x))"));
  const Rule plus = rule("(add ?x -0)", "?x");
  EXPECT_FALSE(rewrites(plus, {{"x", "f64[4]"}}, "(add ?x (const 0 ?x))", "?x"));
  EXPECT_TRUE(rewrites(plus, {{"x", "f64[4]"}}, "(add ?x (const -0 ?x))", "?x"));
}

TEST(Pattern, ConstAndStaticRestrictVariables) {
  const Rule scale = rule("(add (mul ?x ?c:const) (mul ?y ?c))", "(mul (add ?x ?y) ?c)");
  const test::Leaves leaves = {{"x", "f64[4]"}, {"y", "f64[4]"}, {"w", "f64[4]"}};
  EXPECT_TRUE(rewrites(scale, leaves, "(add (mul ?x (const 3 ?x)) (mul ?y (const 3 ?x)))",
                       "(mul (add ?x ?y) (const 3 ?x))"));
  EXPECT_FALSE(rewrites(scale, leaves, "(add (mul ?x ?w) (mul ?y ?w))", "(mul (add ?x ?y) ?w)"));
  const Rule fixed = rule("(add (mul ?x ?c:static) (mul ?y ?c))", "(mul (add ?x ?y) ?c)");
  EXPECT_TRUE(rewrites(fixed, leaves, "(add (mul ?x ?w) (mul ?y ?w))", "(mul (add ?x ?y) ?w)"));
}

TEST(Pattern, ConstantsMatchAsTheyAreBuilt) {
  Rule both = rule("(sigmoid (neg ?x))", "(sub (const 1 ?x) (sigmoid ?x))");
  both.both_ways = true;
  const test::Leaves leaves = {{"x", "f64[4]"}};
  EXPECT_TRUE(rewrites(both, leaves, "(sub (const 1 ?x) (sigmoid ?x))", "(sigmoid (neg ?x))"));
  EXPECT_FALSE(rewrites(both, leaves, "(sub (const 2 ?x) (sigmoid ?x))", "(sigmoid (neg ?x))"));
}

TEST(Pattern, RestrictionsHoldInBothDirections) {
  Rule both = rule("(div (mul ?x ?c:const) ?y)", "(mul (div ?x ?y) ?c:const)");
  both.both_ways = true;
  const test::Leaves leaves = {{"x", "f64[4]"}, {"y", "f64[4]"}, {"z", "f64[4]"}};
  EXPECT_TRUE(
      rewrites(both, leaves, "(mul (div ?x ?y) (const 3 ?x))", "(div (mul ?x (const 3 ?x)) ?y)"));
  EXPECT_FALSE(rewrites(both, leaves, "(mul (div ?x ?y) ?z)", "(div (mul ?x ?z) ?y)"));
  EXPECT_FALSE(rewrites(both, leaves, "(div (mul ?x ?z) ?y)", "(mul (div ?x ?y) ?z)"));
}

TEST(Pattern, ValuesBecomeAttributesAndConstants) {
  const Rule lift = rule("(mul ?x (rsqrt (add (mul ?x ?x) ?e:const)))",
                         "(mul ?x (rsqrt (add (pow ?x (const 2 ?x)) (const value(?e) ?x))))");
  EXPECT_TRUE(rewrites(lift, {{"x", "f64[4]"}},
                       "(mul ?x (rsqrt (add (mul ?x ?x) (const 0.001 ?x))))",
                       "(mul (rsqrt (add (const 0.001 ?x) (pow ?x (const 2 ?x)))) ?x)"));
}

TEST(Pattern, ListsTakeAllFurtherChildren) {
  const Rule inward = rule("(neg (concat[axis=?a] ?x ?xs...))",
                           "(concat[axis=?a] (neg ?x) (neg (concat[axis=?a] ?xs...)))");
  EXPECT_TRUE(rewrites(inward, {{"x", "f64[4]"}, {"y", "f64[4]"}, {"z", "f64[4]"}},
                       "(neg (concat[axis=0] ?x ?y ?z))",
                       "(concat[axis=0] (neg ?x) (neg (concat[axis=0] ?y ?z)))"));
}

TEST(Pattern, FurtherOutputsAreNamedByNumber) {
  const Rule values =
      rule("(gather[axis=?a] ?x (top_k#1[k=?k,axis=?a] ?x))", "(top_k[k=?k,axis=?a] ?x)");
  EXPECT_TRUE(rewrites(values, {{"x", "f64[7]"}}, "(gather[axis=0] ?x (top_k#1[k=3,axis=0] ?x))",
                       "(top_k[k=3,axis=0] ?x)"));
  EXPECT_FALSE(rewrites(values, {{"x", "f64[7]"}}, "(gather[axis=0] ?x (argmax[axis=0] ?x))",
                        "(top_k[k=3,axis=0] ?x)"));
}

TEST(Pattern, ConditionsAndFunctionsMayDecline) {
  const test::Leaves leaves = {{"x", "f64[1,4]"}, {"y", "f64[4]"}};
  const Rule same = rule("(broadcast[shape=?s] ?x)", "?x", {"same_shape(?x, ?x)"});
  const Rule refused = rule("(neg (neg ?x))", "?x", {"!same_shape(?x, ?x)"});
  EXPECT_TRUE(rewrites(same, leaves, "(broadcast[shape=[1,4]] ?x)", "?x"));
  EXPECT_FALSE(rewrites(refused, leaves, "(neg (neg ?x))", "?x"));
  const Rule never = rule("(reduce_sum[*] ?x)", "(reduce_sum[axes=never()] ?x)");
  EXPECT_FALSE(rewrites(never, leaves, "(reduce_sum[axes=[0]] ?x)", "?x"));
}

TEST(Pattern, RulesGoBothWays) {
  Rule both = rule("(sub ?x ?y)", "(add ?x (neg ?y))");
  both.both_ways = true;
  const test::Leaves leaves = {{"x", "f64[4]"}, {"y", "f64[4]"}};
  EXPECT_TRUE(rewrites(both, leaves, "(sub ?x ?y)", "(add (neg ?y) ?x)"));
  EXPECT_TRUE(rewrites(both, leaves, "(add (neg ?y) ?x)", "(sub ?x ?y)"));
  EXPECT_EQ(rules_of({both}).compiled[1].name, "tested-reversed");
}

struct Refusal {
  std::string left, right;
  std::vector<std::string> conditions;
  std::string message;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, NamesTheRuleAndThePlace) {
  const auto& [left, right, conditions, message] = GetParam();
  try {
    rules_of({rule(left, right, conditions)}, functions());
    FAIL() << left << " -> " << right;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("rule \"tested\""), HasSubstr(message)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Texts, Refused,
    ::testing::Values(
        Refusal{"(neg ?x)", "?y", {}, "right side, column 1: ?y is not bound on the left"},
        Refusal{"(nge ?x)", "?x", {}, "left side, column 2: unknown op \"nge\"; near names: neg"},
        Refusal{"(neg ?x)", "(nge ?x)", {}, "right side, column 2: unknown op"},
        Refusal{"(softmax[axes=1] ?x)", "?x", {}, "column 10: softmax has no attribute \"axes\""},
        Refusal{
            "(softmax[axis=1.5] ?x)", "?x", {}, "column 15: line 1, column 1: expected an integer"},
        Refusal{
            "(softmax[axis=1,axis=2] ?x)", "?x", {}, "column 17: the attribute stands here twice"},
        Refusal{"(permute ?x)", "?x", {}, "column 1: permute has no default for order"},
        Refusal{"(neg ?x)", "(permute ?x)", {}, "column 1: permute needs a value for order"},
        Refusal{"(neg ?x)", "(neg[*] ?x)", {}, "[*] is for left sides"},
        Refusal{"(slice[*=?r] ?x)",
                "(softmax[*=?r] ?x)",
                {},
                "softmax has no attribute \"start\" of ?r"},
        Refusal{"(neg ?x ?y)", "?x", {}, "column 1: neg takes 1 to 1 children, not 2"},
        Refusal{"(neg ?x)", "(add ?x)", {}, "add takes 2 to 2 children, not 1"},
        Refusal{"?x", "(neg ?x)", {}, "a left side is an op"},
        Refusal{
            "(neg ?x)", "(add ?x 1)", {}, "column 9: a number needs a type: write (const NUMBER"},
        Refusal{"(add ?x (const 1 ?y))", "?x", {}, "column 18: ?y is not bound here"},
        Refusal{
            "(add ?x (const value(?x) ?x))", "?x", {}, "on the left it is (const NUMBER ?like)"},
        Refusal{"(softmax[axis=?x] ?x)", "?x", {}, "?x is an attribute before, here a class"},
        Refusal{"(softmax[axis=next(?a)] ?x)", "?x", {}, "on the left an attribute is a literal"},
        Refusal{"(softmax[axis=?a] ?x)",
                "(softmax[axis=next(?a)] ?x)",
                {},
                "unknown function \"next\""},
        Refusal{"(softmax[axis=?a] ?x)",
                "(softmax[axis=?x] ?x)",
                {},
                "?x is a class, needed is an attribute"},
        Refusal{"(concat[axis=0] ?xs... ?x)", "?x", {}, "on the left a list is the last child"},
        Refusal{
            "(concat[axis=0] ?xs...)", "?xs...", {}, "a list stands among the children of an op"},
        Refusal{"(neg ?x", "?x", {}, "column 8: expected ')': the text ends"},
        Refusal{"(neg ?x))", "?x", {}, "column 9: expected the end: \")\""},
        Refusal{"(neg ?x:konst)", "?x", {}, "expected const or static"},
        Refusal{
            "(neg ?x)", "?x", {"same(?x)"}, "condition \"same(?x)\", column 1: unknown condition"},
        Refusal{"(neg ?x)", "?x", {"same_shape(?x, ?z)"}, "?z is not bound on the left"},
        Refusal{"(neg ?x)", "?x", {"same_shape"}, "column 1"},
        Refusal{"(neg 0.5.5)", "?x", {}, "column 6: expected a number"}));

TEST(CompileRules, RefusesANameThatStandsTwice) {
  const std::vector<Rule> rules = {rule("(neg (neg ?x))", "?x"),
                                   rule("(abs (neg ?x))", "(abs ?x)")};
  EXPECT_THROW(compile_rules(rules, ops::all_ops(), {}), Error);
}

}  // namespace
}  // namespace paceline::egraph
