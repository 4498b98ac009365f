#include "worker/execute/session.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/passes/passes.h"
#include "tests/support/random_graph.h"
#include "worker/compile/compile.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

template <typename... Parts>
auto throws_with(Parts... parts) {
  return Throws<Error>(Property(&Error::what, AllOf(HasSubstr(parts)...)));
}

Plan compiled(const Graph& graph) {
  return compile(test::plain_path(graph, ops::all_ops(), kernels::all_kernels()), ops::all_ops(),
                 kernels::all_kernels(), {{"N", 4}, {"past", 2}}, {});
}

Session session_of(std::string_view statements, WeightSet weights = {},
                   Session::Options options = {}) {
  const Graph graph =
      parse_graph("graph \"g\" {\n" + std::string(statements) + "}", ops::all_ops());
  return {compiled(graph), ops::all_ops(), kernels::all_kernels(), std::move(weights), options};
}

Tensor floats(Extents extents, const std::vector<float>& elements) {
  return Tensor::of<float>(std::move(extents), elements);
}

std::vector<float> elements(const TensorView& view) {
  EXPECT_TRUE(view.is_dense());
  return {view.as<float>(), view.as<float>() + view.element_count()};
}

// The property that everything here serves: a compiled run gives what the references say, for any
// graph, through rebinding, over several runs with their states.
void expect_runs_like_the_oracle(const Graph& graph, std::uint64_t seed) {
  const std::vector<Bindings> rounds = {{{"N", 4}, {"past", 2}},
                                        {{"N", 4}, {"past", 6}},
                                        {{"N", 1}, {"past", 0}},
                                        {{"N", 1}, {"past", 1}},
                                        {{"N", 9}, {"past", 7}}};
  const auto given = test::random_tensors(graph, NodeKind::weight, {}, seed);
  const WeightSet weights(given.begin(), given.end());
  Session session(compiled(graph), ops::all_ops(), kernels::all_kernels(), weights, {});
  std::map<std::string, Tensor> states;
  for (const Bindings& bindings : rounds) {
    const auto inputs = test::random_tensors(graph, NodeKind::input, bindings, ++seed);
    session.bind(bindings);
    for (const auto& [name, tensor] : inputs) session.set_input(name, tensor);
    session.run();
    const auto expected = interpret(graph, ops::all_ops(), bindings, inputs, weights, &states);
    for (const auto& [name, tensor] : expected) {
      const TensorError error = compare(session.output(name), tensor.view());
      ASSERT_LT(error.relative, 1e-4) << name << " of\n" << to_text(session.plan());
    }
  }
}

TEST(Session, RunsRandomGraphsLikeTheOracle) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const Graph graph = test::random_graph(ops::all_ops(), seed);
    ASSERT_NO_FATAL_FAILURE(expect_runs_like_the_oracle(graph, seed)) << "seed " << seed;
  }
}

TEST(Session, RunsCleanedAndDecomposedGraphsLikeTheOracle) {
  for (std::uint64_t seed = 1000; seed < 1060; ++seed) {
    const Graph graph = decompose(clean(test::random_graph(ops::all_ops(), seed), ops::all_ops()),
                                  ops::all_ops(), [](const Graph&, std::int32_t) { return true; });
    ASSERT_NO_FATAL_FAILURE(expect_runs_like_the_oracle(graph, seed)) << "seed " << seed;
  }
}

TEST(Session, KeepsStatesFromRunToRunAndOverABinding) {
  Session session = session_of(
      "state s: f32[4] input x: f32[N]\n n = update_slice(s, x, axis=0, start=past)\n"
      "output y = n update s = n");
  session.bind({{"N", 1}, {"past", 0}});
  session.set_input("x", floats({1}, {5}));
  session.run();
  session.bind({{"N", 2}, {"past", 1}});
  session.set_input("x", floats({2}, {6, 7}));
  session.run();
  EXPECT_THAT(elements(session.output("y")), ElementsAre(5, 6, 7, 0));
  session.clear_states();
  session.run();
  EXPECT_THAT(elements(session.output("y")), ElementsAre(0, 6, 7, 0));
}

TEST(Session, AStateOfANewTypeStartsAnew) {
  Session session =
      session_of("state s: f32[N] input x: f32[N]\n n = add(s, x)\n output y = n update s = n");
  session.bind({{"N", 1}});
  session.set_input("x", floats({1}, {5}));
  session.run();
  session.bind({{"N", 2}});
  session.set_input("x", floats({2}, {1, 2}));
  session.run();
  EXPECT_THAT(elements(session.output("y")), ElementsAre(1, 2));
}

TEST(Session, SwapsTwoStates) {
  Session session = session_of(
      "state a: f32[1] state b: f32[1] input x: f32[1]\n c = add(b, x)\n"
      "output y = a update a = c update b = a");
  session.bind({});
  session.set_input("x", floats({1}, {1}));
  std::vector<float> seen;
  for (int i = 0; i < 5; ++i) {
    session.run();
    seen.push_back(elements(session.output("y"))[0]);
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 1, 2, 2));
}

TEST(Session, NeverCopiesWeights) {
  const Tensor weight = floats({3}, {1, 2, 3});
  Session session = session_of("weight w: f32[3] output y = w", {{"w", weight}});
  session.bind({});
  session.run();
  EXPECT_EQ(session.output("y").data, weight.data());
}

TEST(Session, RefusesMissingAndWrongWeights) {
  EXPECT_THAT([] { session_of("weight w: f32[3] output y = w"); },
              throws_with("\"w\" is missing", "f32[3]"));
  EXPECT_THAT(
      [] {
        session_of("weight w: f64[3] output y = w", {{"w", floats({3}, {1, 2, 3})}});
      },
      throws_with("\"w\" must be f64[3], not f32"));
  Session session = session_of("weight w: f32[4] output y = w", {{"w", floats({3}, {1, 2, 3})}});
  EXPECT_THAT([&] { session.bind({}); }, throws_with("\"w\" must be [4], not [3]"));
}

class SessionRefusal : public ::testing::Test {
 protected:
  Session session_ = session_of(
      "state s: f32[4] input x: f32[N]\n n = update_slice(s, x, axis=0, start=past)\n"
      "output y = n update s = n");
};

TEST_F(SessionRefusal, AnUnboundSymbol) {
  EXPECT_THAT([&] { session_.bind({{"N", 1}}); }, throws_with("past"));
}

TEST_F(SessionRefusal, AnUpdateBeyondItsTarget) {
  EXPECT_THAT(
      [&] {
        session_.bind({{"N", 2}, {"past", 3}});
      },
      throws_with("update_slice", "f32[4]", "f32[2]"));
  session_.bind({{"N", 2}, {"past", 2}});
}

TEST_F(SessionRefusal, ARunBeforeABind) {
  EXPECT_THAT([&] { session_.run(); }, throws_with("bind the symbols"));
}

TEST_F(SessionRefusal, AnInputThatWasNotSet) {
  session_.bind({{"N", 2}, {"past", 0}});
  EXPECT_THAT([&] { session_.run(); }, throws_with("input \"x\" was not set"));
}

TEST_F(SessionRefusal, AnInputOfAnotherShapeDtypeOrName) {
  session_.bind({{"N", 2}, {"past", 0}});
  EXPECT_THAT(
      [&] {
        session_.set_input("x", floats({3}, {1, 2, 3}));
      },
      throws_with("\"x\" must be f32[2], not f32[3]"));
  EXPECT_THAT([&] { session_.set_input("x", Tensor(Dtype::i64, {2})); }, throws_with("not i64[2]"));
  EXPECT_THAT([&] { session_.set_input("z", floats({2}, {1, 2})); }, throws_with("\"z\""));
}

TEST_F(SessionRefusal, AnOutputThatIsNotThere) {
  EXPECT_THAT([&] { session_.output("z"); }, throws_with("no output \"z\""));
}

TEST(Session, TellsTheNumbersWhenMemoryIsShort) {
  Session session = session_of("input x: f32[N] y = exp(x) output z = y", {},
                               {.threads = 1, .memory_bytes_max = 1000});
  session.bind({{"N", 100}});
  try {
    session.bind({{"N", 200}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted);
    EXPECT_THAT(error.what(), HasSubstr("needs 1632 bytes, 832 of them"));
    EXPECT_THAT(error.what(), HasSubstr("may use 1000"));
  }
  session.bind({{"N", 100}});
}

int neg_bind_count = 0;

// Binding a library's kernel may be dear: a growing neighbour must not cause it at each token.
TEST(Session, AGrowingSequenceSeldomBindsItsNeighboursAnew) {
  std::vector<Kernel> all = kernels::all_kernels();
  for (Kernel& kernel : all) {
    if (kernel.info.name == "neg_plain") kernel.bind = [](const Call&) { ++neg_bind_count; };
  }
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[past] input y: f32[4]\n a = exp(x) b = neg(y)\n"
      "output c = a output d = b }",
      ops::all_ops());
  const Plan plan = compile(test::plain_path(graph, ops::all_ops(), all), ops::all_ops(), all,
                            {{"past", 1000}}, {});
  Session session(plan, ops::all_ops(), all, {}, {});
  session.bind({{"past", 100}});
  neg_bind_count = 0;
  for (std::int64_t past = 101; past < 300; ++past) session.bind({{"past", past}});
  EXPECT_GT(neg_bind_count, 0);
  EXPECT_LT(neg_bind_count, 15);
}

TEST(Session, AReservedSequenceMovesNothingAsItGrows) {
  std::vector<Kernel> all = kernels::all_kernels();
  for (Kernel& kernel : all) {
    if (kernel.info.name == "neg_plain") kernel.bind = [](const Call&) { ++neg_bind_count; };
  }
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[past] input y: f32[4]\n a = exp(x) b = neg(y)\n"
      "output c = a output d = b }",
      ops::all_ops());
  const Plan plan = compile(test::plain_path(graph, ops::all_ops(), all), ops::all_ops(), all,
                            {{"past", 1000}}, {});
  Session session(plan, ops::all_ops(), all, {}, {});
  session.reserve({{"past", 300}});
  session.bind({{"past", 100}});
  neg_bind_count = 0;
  for (std::int64_t past = 101; past <= 300; ++past) session.bind({{"past", past}});
  EXPECT_EQ(neg_bind_count, 0);
}

TEST(Session, ReservesNoMoreThanItMayUse) {
  Session session = session_of("input x: f32[N] y = exp(x) output z = y", {},
                               {.threads = 1, .memory_bytes_max = 1000});
  session.reserve({{"N", 100000}});
  session.bind({{"N", 100}});
  session.set_input("x", Tensor(Dtype::f32, {100}));
  session.run();
  EXPECT_EQ(elements(session.output("z"))[99], 1);
}

TEST(Session, RunsWithNothingToDo) {
  Session session = session_of("input x: f32[N] output y = x");
  session.bind({{"N", 0}});
  session.set_input("x", floats({0}, {}));
  session.run();
  EXPECT_EQ(session.output("y").element_count(), 0);
}

TEST(Session, ProfilesEachInstruction) {
  Session session = session_of("input x: f32[64] y = exp(x) v, i = top_k(y, k=3) output z = v");
  session.bind({});
  session.set_input("x", floats({64}, std::vector<float>(64, 1)));
  const std::vector<double> seconds = session.profile(3);
  ASSERT_EQ(seconds.size(), session.instruction_count());
  EXPECT_GT(seconds[1], 0);
}

TEST(Session, HasNothingToCaptureOfAPlanForTheCpu) {
  Session session = session_of("input x: f32[64] y = exp(x) output y = y");
  session.bind({});
  session.set_input("x", floats({64}, std::vector<float>(64, 1)));
  EXPECT_THAT([&] { session.time_captured([](std::int32_t) { return true; }, 3); },
              Throws<Error>(Property(&Error::kind, ErrorKind::unsupported)));
}

TEST(Interpret, GivesOutputsInDoubleAndMovesStates) {
  const Graph graph = parse_graph(
      "graph \"g\" { state s: f32[2] input x: f32[2] n = add(s, x) output y = n update s = n }",
      ops::all_ops());
  std::map<std::string, Tensor> states;
  const std::map<std::string, Tensor> inputs = {{"x", floats({2}, {1, 2})}};
  interpret(graph, ops::all_ops(), {}, inputs, {}, &states);
  const auto outputs = interpret(graph, ops::all_ops(), {}, inputs, {}, &states);
  EXPECT_EQ(outputs.at("y").dtype(), Dtype::f64);
  EXPECT_THAT(outputs.at("y").to_doubles(), ElementsAre(2, 4));
}

TEST(Interpret, RefusesAMissingInputAndAnotherShape) {
  const Graph graph = parse_graph("graph \"g\" { input x: f32[2] output y = x }", ops::all_ops());
  EXPECT_THAT([&] { interpret(graph, ops::all_ops(), {}, {}, {}); }, throws_with("no input \"x\""));
  EXPECT_THAT(
      [&] {
        interpret(graph, ops::all_ops(), {}, {{"x", floats({1}, {1})}}, {});
      },
      throws_with("\"x\" must be [2], not [1]"));
}

TEST(Session, ChecksAWeightOfSymbolicShapeAtEachBind) {
  WeightSet weights;
  weights.emplace("w", floats({4}, {1, 2, 3, 4}));
  Session session = session_of(
      "weight w: f32[N] input x: f32[N] y = add(x, w) output y = y", std::move(weights));
  session.bind({{"N", 4}});
  EXPECT_THAT([&] { session.bind({{"N", 100000}}); }, throws_with("w"));
}

TEST(Session, RefusesToRunOnStatesThatAnotherSessionMoved) {
  const char* statements =
      "state s: f32[N] input x: f32[N] y = add(x, s) output y = y update s = y";
  auto states = std::make_shared<States>();
  Session first = session_of(statements, {}, {.states = states});
  Session second = session_of(statements, {}, {.states = states});
  first.bind({{"N", 2}});
  first.set_input("x", floats({2}, {1, 2}));
  second.bind({{"N", 1000}});
  EXPECT_THAT([&] { first.run(); }, throws_with("bind it again"));
  first.bind({{"N", 2}});
  first.set_input("x", floats({2}, {1, 2}));
  first.run();
  EXPECT_THAT(elements(first.output("y")), ElementsAre(1, 2));
}

}  // namespace
}  // namespace paceline
