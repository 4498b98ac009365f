#include "scheduler/egraph/egraph.h"

#include <gmock/gmock.h>

#include <set>

#include "common/base/random.h"
#include "common/ops/all_ops.h"
#include "scheduler/egraph/term.h"
#include "tests/scheduler/egraph/proves.h"

namespace paceline::egraph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const OpSet& all = ops::all_ops();

struct Fixture {
  explicit Fixture(const test::Leaves& leaves, EGraphOptions options = {})
      : graph(all, std::move(options)), classes(test::add_leaves(graph, leaves)) {}
  ClassId term(std::string_view text) { return add_term(graph, text, classes); }

  EGraph graph;
  test::Classes classes;
};

TEST(EGraph, GivesEqualTermsOneClass) {
  Fixture f(test::Leaves{{"x", "f32[N,4]"}});
  EXPECT_EQ(f.term("(neg (exp ?x))"), f.term("(neg (exp ?x))"));
  EXPECT_NE(f.term("(neg (exp ?x))"), f.term("(exp (neg ?x))"));
  EXPECT_NE(f.term("(softmax[axis=0] ?x)"), f.term("(softmax[axis=1] ?x)"));
  EXPECT_EQ(f.graph.node_count(), 7);
}

TEST(EGraph, KnowsThatOpsCommute) {
  Fixture f(test::Leaves{{"x", "f32[4]"}, {"y", "f32[4]"}});
  EXPECT_EQ(f.term("(add ?x ?y)"), f.term("(add ?y ?x)"));
  EXPECT_NE(f.term("(sub ?x ?y)"), f.term("(sub ?y ?x)"));
}

TEST(EGraph, InfersTypesAndRefusesWhatHasNone) {
  Fixture f(test::Leaves{{"x", "f32[N,4]"}, {"w", "f32[4,8]"}});
  EXPECT_EQ(f.graph.facts(f.term("(matmul ?x ?w)")).type.to_string(), "f32[N,8]");
  EXPECT_THROW(f.term("(matmul ?w ?x)"), Error);
  EXPECT_THAT(
      [&] {
        f.graph.add("top_k", {{"k", std::int64_t{2}}}, {f.classes["x"]}, 2);
      },
      ThrowsMessage<Error>(HasSubstr("no output 2")));
}

TEST(EGraph, MergesParentsOfMergedChildrenAtRebuild) {
  Fixture f(test::Leaves{{"x", "f32[4]"}, {"y", "f32[4]"}, {"z", "f32[4]"}});
  const ClassId a = f.term("(exp (neg ?x))"), b = f.term("(exp (neg ?y))");
  const ClassId c = f.term("(add (exp (neg ?x)) ?z)"), d = f.term("(add ?z (exp (neg ?y)))");
  EXPECT_TRUE(f.graph.merge(f.classes["x"], f.classes["y"], {"given"}));
  EXPECT_FALSE(f.graph.merge(f.classes["x"], f.classes["y"], {"given"}));
  EXPECT_FALSE(f.graph.same(a, b));
  f.graph.rebuild();
  EXPECT_TRUE(f.graph.same(a, b));
  EXPECT_TRUE(f.graph.same(c, d));
  EXPECT_EQ(f.graph.nodes_of(a).size(), 1u);
  EXPECT_EQ(f.graph.nodes_with(all.get("neg")).size(), 1u);
}

TEST(EGraph, NamesTheRuleThatEquatesTwoTypes) {
  Fixture f(test::Leaves{{"x", "f32[4]"}, {"y", "f32[1,4]"}});
  EXPECT_THAT([&] { f.graph.merge(f.classes["x"], f.classes["y"], {"flatten"}); },
              ThrowsMessage<Error>(AllOf(HasSubstr("\"flatten\""), HasSubstr("f32[1,4]"))));
}

TEST(EGraph, HoldsEveryValueOfAGraph) {
  const Graph graph = parse_graph(R"(graph "g" {
      input x: f32[N,4]
      constant half: f32[] = 0.5
      constant again: f32[] = 0.5
      v, i = top_k(x, k=2)
      output v = v output i = i })",
                                  all);
  EGraph egraph(all);
  const auto classes = egraph.add_graph(graph);
  EXPECT_EQ(classes[1][0], classes[2][0]);
  ASSERT_EQ(classes[3].size(), 2u);
  EXPECT_EQ(egraph.facts(classes[3][1]).type.to_string(), "i64[N,2]");
  EXPECT_EQ(to_text(egraph, classes[3][1]), "(top_k#1[k=2] x)");
  const Operator& second = egraph.operator_of(egraph.nodes_of(classes[3][1])[0]);
  EXPECT_EQ(second.siblings, egraph.node(egraph.nodes_of(classes[3][0])[0]).op);
}

TEST(EGraph, NeverPutsAnotherFormBesideAStatesVersion) {
  EGraph graph(all);
  const ClassId cache =
      graph.add_leaf({.kind = NodeKind::state, .name = "cache", .outputs = {{Dtype::f32, {8, 4}}}});
  const ClassId rows =
      graph.add_leaf({.kind = NodeKind::input, .name = "rows", .outputs = {{Dtype::f32, {8, 4}}}});
  const ClassId next =
      graph.add("update_slice", {{"axis", std::int64_t{0}}, {"start", Dim(0)}}, {cache, rows});
  EXPECT_TRUE(graph.facts(next).is_version);
  EXPECT_FALSE(graph.merge(next, rows, {"whole-update"}));
  EXPECT_FALSE(graph.same(next, rows));
}

TEST(Facts, AreStaticForWhatBindTimeComputes) {
  Fixture f(test::Leaves{{"x", "f32[4,4]"}, {"w", "f32[4,4]"}});
  const auto is_static = [&](std::string_view text) {
    return f.graph.facts(f.term(text)).is_static;
  };
  EXPECT_TRUE(is_static("(matmul ?w (neg ?w))"));
  EXPECT_FALSE(is_static("(matmul ?w ?x)"));
  EXPECT_TRUE(is_static("(iota[extent=4])"));
  EXPECT_FALSE(is_static("(iota[extent=N])"));
  EXPECT_FALSE(is_static("(broadcast[shape=[N,4,4]] ?w)"));
}

TEST(Facts, KnowWhatIsTheSameEverywhere) {
  Fixture f(test::Leaves{{"x", "f32[N,4]"}});
  const ClassId half = f.term("(const 0.5 ?x)");
  EXPECT_EQ(f.graph.facts(half).splat, 0.5);
  const ClassId sum = f.term("(permute[order=[1,0]] (add (const 0.5 ?x) (const 0.25 ?x)))");
  EXPECT_EQ(f.graph.facts(sum).splat, 0.75);
  // All of them are the broadcast of one scalar.
  EXPECT_EQ(to_text(f.graph, sum), "(broadcast[shape=[4,N]] 0.75)");
  EXPECT_FALSE(f.graph.facts(f.classes["x"]).splat);
}

TEST(Facts, FoldSmallConstantsRoundedToTheirDtype) {
  EGraph graph(all);
  const ClassId c = graph.add_constant(Tensor::of<float>({3}, {0.1f, 1, 7}));
  const ClassId square = graph.add("mul", {}, {c, c});
  ASSERT_NE(graph.facts(square).constant, nullptr);
  EXPECT_THAT(graph.facts(square).constant->to_doubles(),
              ElementsAre(static_cast<float>(double{0.1f} * 0.1f), 1, 49));
  EXPECT_TRUE(graph.same(square, graph.add_constant(*graph.facts(square).constant)));
  const ClassId large = graph.add_constant(Tensor(Dtype::f32, {5000}));
  EXPECT_EQ(graph.facts(large).constant, nullptr);
  EXPECT_EQ(graph.facts(graph.add("exp", {}, {large})).splat, 1.0);
}

TEST(Facts, ReachParentsWhenAClassBecomesConstant) {
  Fixture f(test::Leaves{{"x", "f32[4]"}});
  const ClassId parent = f.term("(add (neg ?x) (const 1 ?x))");
  f.graph.merge(f.classes["x"], f.term("(const 3 ?x)"), {"given"});
  f.graph.rebuild();
  EXPECT_EQ(f.graph.facts(parent).splat, -2.0);
  EXPECT_TRUE(f.graph.same(parent, f.term("(const -2 ?x)")));
}

TEST(Facts, ZeroesOfEitherSignDiffer) {
  Fixture f(test::Leaves{{"x", "f32[4]"}});
  EXPECT_NE(f.term("(const 0 ?x)"), f.term("(const -0 ?x)"));
}

TEST(Facts, RefuseAConstantThatTheDtypeLacks) {
  Fixture f(test::Leaves{{"i", "i32[4]"}});
  EXPECT_THAT([&] { f.term("(const 0.5 ?i)"); },
              ThrowsMessage<Error>(HasSubstr("no element of this value: 0.5")));
}

// Equality under congruence, by trying all pairs until nothing changes.
class NaiveClosure {
 public:
  explicit NaiveClosure(const EGraph& graph) : graph_(graph) {
    for (std::int32_t i = 0; i < graph.created_count(); ++i) root_.push_back(i);
  }
  void merge(ClassId a, ClassId b) {
    const std::int32_t from = root_[a.value], to = root_[b.value];
    for (std::int32_t& root : root_) root = root == from ? to : root;
  }
  bool same(ClassId a, ClassId b) const { return root_[a.value] == root_[b.value]; }

  void close() {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::int32_t a = 0; a < static_cast<std::int32_t>(root_.size()); ++a) {
        for (std::int32_t b = 0; b < a; ++b) {
          if (same({a}, {b}) || !congruent({a}, {b})) continue;
          merge({a}, {b});
          changed = true;
        }
      }
    }
  }

 private:
  bool congruent(NodeId a, NodeId b) const {
    if (graph_.node(a).op != graph_.node(b).op) return false;
    const auto left = graph_.original_children(a), right = graph_.original_children(b);
    const auto agree = [&](std::size_t first, std::size_t second) {
      return same(left[0], right[first]) && (left.size() < 2 || same(left[1], right[second]));
    };
    if (left.empty()) return true;
    return agree(0, 1) ||
           (left.size() == 2 && graph_.operator_of(a).op->facts.commutative && agree(1, 0));
  }

  const EGraph& graph_;
  std::vector<std::int32_t> root_;
};

class RandomTerms : public ::testing::TestWithParam<int> {};

TEST_P(RandomTerms, CloseAsTheNaiveClosureDoes) {
  Random random(GetParam());
  EGraph graph(all, {.explain = true});
  std::vector<ClassId> terms;
  for (int i = 0; i < 4; ++i) {
    terms.push_back(graph.add_leaf({.kind = NodeKind::input,
                                    .name = std::string(1, static_cast<char>('a' + i)),
                                    .outputs = {{Dtype::f32, {4}}}}));
  }
  const auto any = [&] { return terms[random.below(static_cast<std::int64_t>(terms.size()))]; };
  const char* unary[] = {"neg", "exp"};
  const char* binary[] = {"add", "sub"};
  for (int i = 0; i < 60; ++i) {
    const auto kind = random.below(4);
    terms.push_back(kind < 2 ? graph.add(unary[kind], {}, {any()})
                             : graph.add(binary[kind - 2], {}, {any(), any()}));
  }
  NaiveClosure naive(graph);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2; ++i) {
      const ClassId a = any(), b = any();
      graph.merge(a, b, {"given"});
      naive.merge(a, b);
    }
    graph.rebuild();
    naive.close();
    for (const ClassId a : terms) {
      for (const ClassId b : terms) ASSERT_EQ(graph.same(a, b), naive.same(a, b));
    }
  }
  // One node for each operator over classes, filed where its term is.
  std::set<std::pair<OperatorId, std::vector<ClassId>>> nodes;
  std::int64_t count = 0;
  for (const ClassId id : graph.classes()) {
    for (const NodeId node : graph.nodes_of(id)) {
      ++count;
      EXPECT_TRUE(graph.same(class_of(node), id));
      EXPECT_TRUE(nodes.emplace(graph.node(node).op, graph.node(node).children).second);
      for (const ClassId child : graph.node(node).children) EXPECT_EQ(graph.find(child), child);
    }
  }
  EXPECT_EQ(count, graph.node_count());
  EXPECT_EQ(graph.classes().size(), static_cast<std::size_t>(graph.class_count()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTerms, ::testing::Range(0, 40));

}  // namespace
}  // namespace paceline::egraph
