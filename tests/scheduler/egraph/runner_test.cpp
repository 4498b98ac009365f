#include "scheduler/egraph/runner.h"

#include <gmock/gmock.h>

#include "common/ops/draw.h"
#include "tests/scheduler/egraph/proves.h"

namespace paceline::egraph {
namespace {

using test::rules_of;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const OpSet& all = ops::all_ops();

const Rule associate = {.name = "associate",
                        .precision = Precision::reorders,
                        .left = "(add (add ?x ?y) ?z)",
                        .right = "(add ?x (add ?y ?z))"};
const Rule cancel = {.name = "cancel", .left = "(neg (neg ?x))", .right = "?x"};

// The sum of `count` different inputs.
ClassId add_sum(EGraph& graph, int count) {
  ClassId sum;
  for (int i = 0; i < count; ++i) {
    const ClassId leaf = graph.add_leaf(
        {.kind = NodeKind::input, .name = "x" + std::to_string(i), .outputs = {{Dtype::f64, {3}}}});
    sum = i == 0 ? leaf : graph.add("add", {}, {sum, leaf});
  }
  return sum;
}

// Each subset of n terms is a class; it has as many nodes as ways to split it in two.
TEST(Runner, SaturatesWithEveryOrderOfASum) {
  EGraph graph(all, test::checked());
  const ClassId sum = add_sum(graph, 5);
  const Report report = run(graph, rules_of({associate}), {}, Precision::reorders);
  EXPECT_EQ(report.stopped_by, StoppedBy::saturated);
  EXPECT_TRUE(report.is_complete());
  EXPECT_EQ(report.classes, 31);
  EXPECT_EQ(report.nodes, 5 + 90);  // (3^5 - 2^6 + 1) / 2 splits.
  EXPECT_EQ(graph.nodes_of(sum).size(), 15u);
  EXPECT_EQ(report.find("associate")->refused, 0);
}

TEST(Runner, LeavesOutRulesOfAWeakerClass) {
  EGraph graph(all);
  add_sum(graph, 4);
  const Report report = run(graph, rules_of({associate}), {}, Precision::exact);
  EXPECT_EQ(report.precision_left_out, 1);
  EXPECT_EQ(report.nodes, 7);
  EXPECT_EQ(report.find("associate"), nullptr);
}

TEST(Runner, StopsAtTheBudgetOfNodesAndSaysWhatItCut) {
  EGraph graph(all);
  add_sum(graph, 9);
  const Report report =
      run(graph, rules_of({associate}), {.nodes = 200, .matches = 100'000}, Precision::reorders);
  EXPECT_EQ(report.stopped_by, StoppedBy::nodes);
  EXPECT_FALSE(report.is_complete());
  EXPECT_GE(report.nodes, 200);
  EXPECT_LE(report.nodes, 210);
  EXPECT_GT(report.matches_cut, 0);
  EXPECT_THAT(report.to_string(), HasSubstr("stopped by nodes"));
  EXPECT_THAT(report.to_string(), HasSubstr("matches found and not applied"));
  EXPECT_TRUE(graph.is_rebuilt());
}

TEST(Runner, StopsAtTheBudgetOfIterations) {
  EGraph graph(all);
  add_sum(graph, 9);
  const Report report = run(graph, rules_of({associate}), {.iterations = 2}, Precision::reorders);
  EXPECT_EQ(report.stopped_by, StoppedBy::iterations);
  EXPECT_EQ(report.iterations, 2);
}

TEST(Runner, StopsWhenTheClockSaysSo) {
  EGraph graph(all);
  add_sum(graph, 9);
  double now_s = 100;
  const auto clock = [&] { return now_s += 0.25; };
  const Report report =
      run(graph, rules_of({associate}), {.seconds = 3, .clock = clock}, Precision::reorders);
  EXPECT_EQ(report.stopped_by, StoppedBy::seconds);
  EXPECT_NEAR(now_s, 103.25, 0.3);
}

TEST(Runner, RefusesABudgetOfZero) {
  EGraph graph(all);
  const auto message = [&](const Budget& budget) {
    try {
      run(graph, {}, budget);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(message({.nodes = 0}), "the budget of nodes must be above 0: 0");
  EXPECT_EQ(message({.iterations = 0}), "the budget of iterations must be above 0: 0");
  EXPECT_EQ(message({.seconds = 0}), "the budget of seconds must be above 0: 0");
  EXPECT_THAT(message({.matches = 0}), HasSubstr("must be above 0: 0"));
  EXPECT_EQ(message({}), "accepted");
}

TEST(Runner, LetsExplosiveRulesSitOut) {
  EGraph graph(all);
  const ClassId sum = add_sum(graph, 6);
  const ClassId twice = graph.add("neg", {}, {graph.add("neg", {}, {sum})});
  const Report report =
      run(graph, rules_of({associate, cancel}),
          {.iterations = 200, .matches = 8, .ban_iterations = 2}, Precision::reorders);
  EXPECT_TRUE(graph.same(sum, twice));
  EXPECT_GT(report.find("associate")->banned_iterations, 0);
  EXPECT_EQ(report.find("cancel")->banned_iterations, 0);
  // It comes back, until all is done.
  EXPECT_EQ(report.stopped_by, StoppedBy::saturated);
  EXPECT_EQ(report.classes, 63 + 1);
}

TEST(Runner, CountsRightSidesThatDoNotExist) {
  EGraph graph(all);
  const ClassId x =
      graph.add_leaf({.kind = NodeKind::input, .name = "x", .outputs = {{Dtype::f32, {3, 4}}}});
  graph.add("exp", {}, {x});
  const Rule wrong = {.name = "square", .left = "(exp ?x)", .right = "(matmul ?x ?x)"};
  const Report report = run(graph, rules_of({wrong}), {});
  EXPECT_EQ(report.find("square")->matches, 1);
  EXPECT_EQ(report.find("square")->applied, 0);
  EXPECT_EQ(report.find("square")->refused, 1);
  EXPECT_THAT(report.to_string(), HasSubstr("refused 1: matmul(f32[3,4], f32[3,4])"));
}

TEST(Runner, NamesARuleThatEquatesTwoTypes) {
  EGraph graph(all);
  const ClassId x =
      graph.add_leaf({.kind = NodeKind::input, .name = "x", .outputs = {{Dtype::f32, {3, 4}}}});
  graph.add("reduce_sum", {{"axes", std::vector<std::int64_t>{0}}}, {x});
  const Rule wrong = {.name = "drop-sum", .left = "(reduce_sum[*] ?x)", .right = "?x"};
  EXPECT_THAT([&] { run(graph, rules_of({wrong}), {}); },
              ThrowsMessage<Error>(HasSubstr("rule \"drop-sum\" equates")));
}

TEST(Runner, DoesNotRepeatItself) {
  EGraph graph(all);
  add_sum(graph, 5);
  const Report first = run(graph, rules_of({associate}), {}, Precision::reorders);
  const Report again = run(graph, rules_of({associate}), {}, Precision::reorders);
  EXPECT_EQ(again.iterations, 1);
  EXPECT_EQ(again.find("associate")->applied, 0);
  EXPECT_EQ(again.nodes, first.nodes);
}

// The condition looks further down than the pattern, where another rule changes something later.
TEST(Runner, LooksAgainWhereAConditionMayHoldByNow) {
  Functions functions;
  functions.conditions["is_even_below"] = [](Arguments in, const EGraph& graph) {
    const NodeId sin = graph.nodes_of(std::get<ClassId>(in[0]))[0];
    const ClassId below = graph.node(sin).children[0];
    return std::ranges::any_of(graph.nodes_of(below),
                               [&](NodeId node) { return graph.operator_of(node).is("cos"); });
  };
  const std::vector<Rule> rules = {
      {.name = "under-sin",
       .left = "(abs ?x)",
       .right = "(abs (neg ?x))",
       .conditions = {"is_even_below(?x)"}},
      {.name = "cos-first", .left = "(log (exp (neg (neg ?x))))", .right = "(cos ?x)"},
      cancel,
  };
  EGraph graph(all);
  const auto leaves = test::add_leaves(graph, {{"x", "f64[4]"}});
  const ClassId id = add_term(graph, "(abs (sin (log (exp (neg (neg ?x))))))", leaves);
  const Report report = run(graph, test::rules_of(rules, functions), {});
  EXPECT_EQ(report.stopped_by, StoppedBy::saturated);
  EXPECT_EQ(report.find("under-sin")->applied, 1) << report.to_string();
  EXPECT_EQ(graph.nodes_of(id).size(), 2u);
}

TEST(Runner, AppliesRulesInCode) {
  EGraph graph(all, test::checked());
  const ClassId x =
      graph.add_leaf({.kind = NodeKind::input, .name = "x", .outputs = {{Dtype::f64, {3}}}});
  const ClassId twice = graph.add("add", {}, {x, x});
  Rules rules;
  rules.dynamic.push_back(
      {"double", Precision::exact, "add", [](EGraph& graph, NodeId node) -> std::optional<ClassId> {
         const auto& children = graph.node(node).children;
         if (children[0] != children[1]) return std::nullopt;
         const ClassId x = children[0];
         return graph.add("mul", {}, {x, graph.add_splat(2, graph.facts(x).type)});
       }});
  const Report report = run(graph, rules, {});
  EXPECT_EQ(report.find("double")->applied, 1);
  EXPECT_EQ(graph.nodes_of(twice).size(), 2u);
}

// The operands of a sample as leaves with the sample's own elements, floats as f64.
ClassId add_sample(EGraph& graph, const Op& op, const Sample& sample,
                   const std::map<std::string, Tensor, std::less<>>& values) {
  std::vector<ClassId> inputs;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    const std::string name = std::to_string(i);
    const Extents& extents = sample.inputs[i].extents;
    const TensorType type{values.at(name).dtype(), Shape(extents.begin(), extents.end())};
    inputs.push_back(graph.add_leaf({.kind = NodeKind::input, .name = name, .outputs = {type}}));
  }
  return graph.add(op.name, sample.attributes, inputs);
}

bool is_small(const Sample& sample) {
  return std::ranges::all_of(sample.inputs, [](const Sample::Operand& operand) {
    return element_count(operand.extents) <= 10'000;
  });
}

class EveryCompositeOp : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryCompositeOp, EqualsItsDecompositionOnItsSamples) {
  const Op& op = all.get(GetParam());
  const Rules rules{.dynamic = decompose_rules(all)};
  for (const Sample& sample : op.samples) {
    if (!is_small(sample)) continue;
    Evaluation check;
    Random random(1);
    for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
      const Tensor drawn = ops::draw(sample.inputs[i], random);
      check.values[std::to_string(i)] = is_float(drawn.dtype()) ? drawn.cast(Dtype::f64) : drawn;
    }
    EGraph graph(all, {.check = check});
    const ClassId id = add_sample(graph, op, sample, check.values);
    const Report report = run(graph, rules, {}, Precision::reorders);
    EXPECT_GE(graph.nodes_of(id).size(), 2u) << report.to_string();
    EXPECT_EQ(report.find("decompose-" + op.name)->refused, 0) << report.to_string();
  }
}

std::vector<std::string> composite_ops() {
  std::vector<std::string> names;
  for (const Op& op : all.all()) {
    if (op.is_composite()) names.push_back(op.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Ops, EveryCompositeOp, ::testing::ValuesIn(composite_ops()),
                         [](const auto& info) { return info.param; });

TEST(DecomposeRules, AreLeftOutWhereOnlyExactOnesMayRun) {
  EGraph graph(all);
  const auto leaves = test::add_leaves(graph, {{"x", "f32[4]"}});
  const ClassId id = add_term(graph, "(softmax ?x)", leaves);
  const Rules rules{.dynamic = decompose_rules(all)};
  EXPECT_EQ(run(graph, rules, {}, Precision::exact).rules.size(), 0u);
  EXPECT_EQ(graph.nodes_of(id).size(), 1u);
}

}  // namespace
}  // namespace paceline::egraph
