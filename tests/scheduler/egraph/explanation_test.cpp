#include "scheduler/egraph/explanation.h"

#include <gmock/gmock.h>

#include <numeric>

#include "tests/scheduler/egraph/proves.h"

namespace paceline::egraph {
namespace {

using test::rules_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

const OpSet& all = ops::all_ops();

const std::vector<Rule> rules = {
    {.name = "associate",
     .precision = Precision::reorders,
     .left = "(add (add ?x ?y) ?z)",
     .right = "(add ?x (add ?y ?z))"},
    {.name = "cancel", .left = "(neg (neg ?x))", .right = "?x"},
    {.name = "double", .left = "(add ?x ?x)", .right = "(mul ?x (const 2 ?x))"},
    {.name = "log-exp",
     .precision = Precision::approximates,
     .left = "(log (exp ?x))",
     .right = "?x"},
};

// Replays the steps: each congruence must follow from those before it, and all together must join
// the two terms.
class Checker {
 public:
  explicit Checker(const EGraph& graph) : graph_(graph), root_(graph.created_count()) {
    std::iota(root_.begin(), root_.end(), 0);
  }

  bool follows(const Step& step) const {
    if (step.rule != congruence) return true;
    const auto left = graph_.original_children(step.before);
    const auto right = graph_.original_children(step.after);
    if (graph_.node(step.before).op != graph_.node(step.after).op) return false;
    const auto agree = [&](std::size_t from) {
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (!same(left[i], right[from == 0 ? i : left.size() - 1 - i])) return false;
      }
      return true;
    };
    return agree(0) ||
           (left.size() == 2 && graph_.operator_of(step.before).op->facts.commutative && agree(1));
  }
  void take(const Step& step) {
    const std::int32_t from = root_[step.before.value], to = root_[step.after.value];
    for (std::int32_t& root : root_) root = root == from ? to : root;
  }
  bool same(ClassId a, ClassId b) const { return root_[a.value] == root_[b.value]; }

 private:
  const EGraph& graph_;
  std::vector<std::int32_t> root_;
};

void expect_proof(const EGraph& graph, ClassId a, ClassId b) {
  const Explanation explanation = graph.explain(a, b);
  Checker checker(graph);
  for (const Step& step : explanation.steps) {
    EXPECT_TRUE(checker.follows(step)) << step.text << "\nin\n" << explanation.to_string();
    checker.take(step);
  }
  EXPECT_TRUE(checker.same(a, b)) << explanation.to_string();
}

struct Proven {
  EGraph graph{all, {.explain = true}};
  ClassId from, to;

  Proven(const test::Leaves& leaves, std::string_view start, std::string_view goal) {
    const auto classes = test::add_leaves(graph, leaves);
    from = add_term(graph, start, classes);
    to = add_term(graph, goal, classes);
    run(graph, rules_of(rules), {}, Precision::narrows);
  }
};

TEST(Explanation, ListsTheRulesThatJoinTwoTerms) {
  const Proven proven({{"x", "f64[4]"}}, "(exp (neg (neg (add ?x ?x))))",
                      "(exp (mul (const 2 ?x) ?x))");
  const Explanation explanation = proven.graph.explain(proven.from, proven.to);
  EXPECT_THAT(explanation.rules(), UnorderedElementsAre("cancel", "double"));
  EXPECT_EQ(explanation.precision(), Precision::exact);
  EXPECT_THAT(explanation.to_string(), HasSubstr("cancel: "));
  EXPECT_THAT(explanation.to_string(), HasSubstr("(neg (neg (add x x)))"));
  EXPECT_THAT(explanation.steps.back().rule, congruence);
  expect_proof(proven.graph, proven.from, proven.to);
}

TEST(Explanation, IncludesWhatAMatchRestsOn) {
  // The outer neg sees the inner one only through log-exp.
  const Proven proven({{"x", "f64[4]"}}, "(neg (log (exp (neg ?x))))", "?x");
  const Explanation explanation = proven.graph.explain(proven.from, proven.to);
  EXPECT_THAT(explanation.rules(), ElementsAre("log-exp", "cancel"));
  EXPECT_EQ(explanation.precision(), Precision::approximates);
}

TEST(Explanation, OfATermWithItselfIsEmpty) {
  const Proven proven({{"x", "f64[4]"}}, "(exp ?x)", "(exp ?x)");
  EXPECT_TRUE(proven.graph.explain(proven.from, proven.to).steps.empty());
}

TEST(Explanation, NamesFolding) {
  const Proven proven({{"x", "f64[4]"}}, "(add (const 1 ?x) (const 2 ?x))", "(const 3 ?x)");
  EXPECT_THAT(proven.graph.explain(proven.from, proven.to).rules(), ElementsAre(folding));
}

TEST(Explanation, IsRefusedForTermsThatDiffer) {
  const Proven proven({{"x", "f64[4]"}}, "(exp ?x)", "(sin ?x)");
  EXPECT_THAT(
      [&] { proven.graph.explain(proven.from, proven.to); },
      ::testing::ThrowsMessage<Error>(HasSubstr("not known to be equal: (exp x) and (sin x)")));
  EGraph silent(all);
  EXPECT_THAT([&] { silent.explain({0}, {0}); },
              ::testing::ThrowsMessage<Error>(HasSubstr("make it with `explain`")));
}

// Sums in all orders, of which some terms are equal: every pair of forms has a proof that holds.
TEST(Explanation, HoldsForEveryFormOfASum) {
  EGraph graph(all, {.explain = true});
  const auto classes = test::add_leaves(graph, {{"x", "f64[4]"}, {"y", "f64[4]"}});
  const ClassId sum = add_term(
      graph, "(add (add (add ?x (neg (neg ?y))) (log (exp ?y))) (add ?x (neg ?y)))", classes);
  run(graph, rules_of(rules), {}, Precision::narrows);
  std::vector<NodeId> forms;
  for (std::int32_t i = 0; i < graph.created_count(); ++i) {
    if (graph.same({i}, sum)) forms.push_back({i});
  }
  ASSERT_GT(forms.size(), 8u);
  for (const NodeId form : forms) expect_proof(graph, sum, class_of(form));
}

}  // namespace
}  // namespace paceline::egraph
