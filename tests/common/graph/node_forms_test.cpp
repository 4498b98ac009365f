#include "common/graph/node_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using testing::ElementsAre;

TEST(NodeForms, AreOneForEqualWorkOnOtherOperands) {
  GraphBuilder builder(ops::all_ops());
  const Dim n = Dim::symbol("N");
  const Value x = builder.input("x", {Dtype::f32, {n, 4}});
  const Value first = x.permute({1, 0});
  const Value second = (x + x).permute({1, 0});
  builder.output("a", first);
  builder.output("b", second);
  EXPECT_THAT(first_of_form(builder.finish()), ElementsAre(-1, 1, 2, 1));
}

TEST(NodeForms, DifferInAttributesAndTypes) {
  GraphBuilder builder(ops::all_ops());
  const Dim n = Dim::symbol("N");
  const Value x = builder.input("x", {Dtype::f32, {n, n}});
  const Value y = builder.input("y", {Dtype::f32, {n, Dim::symbol("M")}});
  const Value z = builder.input("z", {Dtype::f64, {n, n}});
  builder.output("0", matmul(x, x));
  builder.output("1", matmul(x, x, true));
  builder.output("2", matmul(x, y));
  builder.output("3", matmul(z, z));
  builder.output("4", x.slice(0, 0, n));
  builder.output("5", x.slice(0, 0, n - 1));
  EXPECT_THAT(first_of_form(builder.finish()), ElementsAre(-1, -1, -1, 3, 4, 5, 6, 7, 8));
}

TEST(NodeForms, TellZerosOfEitherSignApart) {
  const Graph graph = parse_graph(
      "graph \"g\" { input x: f32[4] a = pad(x, low=[1], high=[0], value=0.0) "
      "b = pad(x, low=[1], high=[0], value=-0.0) c = pad(x, low=[1], high=[0], value=0.0) "
      "output p = a output q = b output r = c }",
      ops::all_ops());
  EXPECT_THAT(first_of_form(graph), ElementsAre(-1, 1, 2, 1));
}

}  // namespace
}  // namespace paceline
