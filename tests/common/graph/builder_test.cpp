#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/graph/graph.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

const Dim N = Dim::symbol("N");

template <typename... Parts>
auto throws_with(Parts... parts) {
  return Throws<Error>(Property(&Error::what, AllOf(HasSubstr(parts)...)));
}

class BuilderTest : public ::testing::Test {
 protected:
  GraphBuilder builder_{ops::all_ops()};
  Value x_ = builder_.input("x", {Dtype::f32, {N, 4}});
};

TEST_F(BuilderTest, InfersTypesAsNodesAreAdded) {
  const Value w = builder_.weight("w", {Dtype::f32, {8, 4}});
  EXPECT_EQ(matmul(x_, w, false, true).type(), (TensorType{Dtype::f32, {N, 8}}));
}

TEST_F(BuilderTest, BroadcastsOperandsByNumpysRule) {
  const Value bias = builder_.weight("bias", {Dtype::f32, {4}});
  const Value y = x_ + bias;
  const Graph graph = (builder_.output("y", y), builder_.finish());
  const Node& add = graph.node(y.ref().node);
  EXPECT_EQ(graph.node(add.inputs[0].node).op, "");
  EXPECT_EQ(graph.node(add.inputs[1].node).op, "broadcast");
}

TEST_F(BuilderTest, ANumberBecomesAConstantOfTheOthersDtype) {
  const Value half = builder_.input("half", {Dtype::bf16, {3}});
  EXPECT_EQ((2.0 * half).dtype(), Dtype::bf16);
}

TEST_F(BuilderTest, ACastThatChangesNothingAddsNothing) {
  EXPECT_EQ(x_.cast(Dtype::f32).ref(), x_.ref());
}

TEST_F(BuilderTest, SlicesByStartStopAndStep) {
  EXPECT_EQ(x_.slice(-1, 1, 4, 2).shape(), (Shape{N, 2}));
  EXPECT_EQ(x_.transpose(0, -1).shape(), (Shape{4, N}));
}

TEST_F(BuilderTest, RefusesOperandsThatDoNotFitWithTheirLabel) {
  const Value w = builder_.weight("w", {Dtype::f32, {5, 3}});
  EXPECT_THAT(
      [&] {
        builder_.op("matmul", {x_, w}, {}, "q_proj");
      },
      throws_with("q_proj", "f32[N,4]", "f32[5,3]"));
}

TEST_F(BuilderTest, RefusesUnequalDtypes) {
  const Value i = builder_.input("i", {Dtype::i64, {N, 4}});
  EXPECT_THAT([&] { x_ + i; }, throws_with("add", "f32[N,4]", "i64[N,4]"));
}

TEST_F(BuilderTest, RefusesAnAxisThatIsNotThere) {
  EXPECT_THAT([&] { x_.dim(2); }, throws_with("axis 2", "rank 2"));
}

TEST_F(BuilderTest, RefusesTwoInputsOfOneNameButTakesOneAcrossKinds) {
  builder_.weight("x", {Dtype::f32, {}});
  EXPECT_THAT([&] { builder_.input("x", {Dtype::f32, {}}); }, throws_with("\"x\""));
}

TEST_F(BuilderTest, RefusesAValueOfAnotherBuilder) {
  GraphBuilder other(ops::all_ops());
  EXPECT_THROW(other.op("neg", {x_}), Error);
}

TEST_F(BuilderTest, RefusesMoreAxesThanAKernelCanSee) {
  EXPECT_THAT([&] { builder_.input("deep", {Dtype::f32, Shape(9, 1)}); }, throws_with("8 axes"));
}

TEST_F(BuilderTest, RefusesAStateThatChangesItsType) {
  const Value state = builder_.state("cache", {Dtype::f32, {16, 4}});
  builder_.update(state, x_);
  EXPECT_THAT([&] { builder_.finish(); }, throws_with("\"cache\"", "f32[16,4]", "f32[N,4]"));
}

TEST_F(BuilderTest, RefusesAnUpdateOfWhatIsNoState) {
  builder_.update(x_, x_);
  EXPECT_THAT([&] { builder_.finish(); }, throws_with("no state"));
}

TEST_F(BuilderTest, RefusesTwoOutputsOfOneName) {
  builder_.output("y", x_);
  builder_.output("y", x_);
  EXPECT_THAT([&] { builder_.finish(); }, throws_with("two outputs", "\"y\""));
}

TEST_F(BuilderTest, NamesAllSymbolsOfAGraph) {
  builder_.output("y", x_.slice(0, Dim::symbol("past"), N));
  EXPECT_EQ(builder_.finish().symbols(), (std::set<std::string>{"N", "past"}));
}

Graph small_graph() {
  return parse_graph(R"(graph "small" {
    input x: f32[N,4]
    constant half: f32[] = 0.5
    weight w: f32[4]
    a = neg(x)
    b = exp(a)
    output y = b
  })",
                     ops::all_ops());
}

Graph copied(const Graph& from, std::int32_t changed) {
  GraphBuilder builder(ops::all_ops(), from.name());
  std::vector<Value> values;
  for (std::int32_t i = 0; i < std::ssize(from.nodes()); ++i) {
    std::vector<Value> inputs;
    for (const ValueRef input : from.node(i).inputs) inputs.push_back(values[input.node]);
    values.push_back(i == changed ? builder.op("abs", inputs)
                                  : builder.copy(from, i, inputs).front());
  }
  for (const auto& [name, value] : from.outputs()) builder.output(name, values[value.node]);
  return builder.finish();
}

TEST(GraphBuilder, ACopyOfAllThereIsIsTheGraphItself) {
  const Graph graph = small_graph();
  const Graph copy = copied(graph, -1);
  EXPECT_EQ(copy.nodes().data(), graph.nodes().data());
  EXPECT_EQ(to_text(copy), to_text(graph));
}

TEST(GraphBuilder, CopiesWhatStandsBeforeAChange) {
  const Graph graph = small_graph();
  const Graph copy = copied(graph, 3);
  EXPECT_EQ(to_text(graph), to_text(small_graph()));
  EXPECT_NE(copy.id(), graph.id());
  EXPECT_EQ(copy.node(3).op, "abs");
  EXPECT_EQ(copy.node(4).op, "exp");
  EXPECT_EQ(copy.nodes().size(), graph.nodes().size());
  EXPECT_NO_THROW(validate(copy, ops::all_ops()));
}

TEST(GraphBuilder, ACopyUnderOtherOutputsIsAnotherGraph) {
  const Graph graph = small_graph();
  GraphBuilder builder(ops::all_ops(), graph.name());
  const Value x = builder.copy(graph, 0, {}).front();
  builder.output("y", x);
  EXPECT_EQ(to_text(builder.finish()),
            "graph \"small\" {\n  input x: f32[N,4]\n  output y = x\n}\n");
}

TEST(GraphBuilder, RefusesANameThatACopyHas) {
  const Graph graph = small_graph();
  GraphBuilder builder(ops::all_ops(), graph.name());
  builder.copy(graph, 0, {});
  EXPECT_THROW(builder.input("x", {Dtype::f32, {1}}), Error);
}

TEST(GraphBuilder, InfersAnewOnOperandsOfOtherTypes) {
  const Graph graph = small_graph();
  GraphBuilder builder(ops::all_ops());
  const Value x = builder.input("x", {Dtype::f64, {7}});
  const std::vector<Value> inputs = {x};
  const Value a = builder.copy(graph, 3, inputs).front();
  EXPECT_EQ(a.type(), (TensorType{Dtype::f64, {7}}));
}

}  // namespace
}  // namespace paceline
