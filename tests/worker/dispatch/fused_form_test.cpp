#include "worker/dispatch/fused_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "scheduler/fusion/fuse.h"
#include "worker/compile/compile.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

const Bindings sizes{{"B", 3}};

// A masked softmax, and a gate whose result leaves in bf16.
Graph model() {
  return parse_graph(
      "graph \"g\" { input x: f32[B,40] input m: bool[40] constant k: f32[] = -1e30 "
      "mb = broadcast(m, shape=[B,40]) kb = broadcast(k, shape=[B,40]) w = where(mb, x, kb) "
      "p = softmax(w) s = silu(x) g = mul(s, p) y = cast(g, dtype=bf16) output p = p output y = y "
      "}",
      ops::all_ops());
}

Graph fused(const Graph& graph) {
  return fusion::fuse(graph, fusion::find_groups(graph, ops::all_ops()), ops::all_ops()).graph;
}

std::vector<Tensor> outputs_of(const Path& path) {
  Session session(compile(path, ops::all_ops(), kernels::all_kernels(), sizes, {}), ops::all_ops(),
                  kernels::all_kernels(), {}, {});
  session.bind(sizes);
  Random random(11);
  for (const char* name : {"m", "x"}) {
    const TensorType& type =
        path.graph.node(*path.graph.find(NodeKind::input, name)).outputs.front();
    session.set_input(name,
                      ops::draw(Sample::Operand{type.dtype, evaluate(type.shape, sizes)}, random));
  }
  session.run();
  return {dense_copy(session.output("p")), dense_copy(session.output("y"))};
}

// Runs as any other path, with each of the kernels that compute it.
TEST(FusedForm, ComputesWhatTheGraphComputes) {
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr, {});
  const auto wanted = outputs_of(dispatcher.decide(model(), sizes).path);
  Path path = dispatcher.decide(fused(model()), sizes).path;
  ASSERT_EQ(path.choices.size(), 1u);
  for (const Kernel* kernel : kernels::kernels_of("fused")) {
    path.choices[0].kernel = kernel->info.name;
    const auto given = outputs_of(path);
    EXPECT_LT(compare(given[0].view(), wanted[0].view()).relative, 1e-5) << kernel->info.name;
    EXPECT_LT(compare(given[1].view(), wanted[1].view()).relative, 8e-3) << kernel->info.name;
  }
}

// Nothing is known of generated code before it was measured.
TEST(FusedForm, IsOfferedForMeasuringAndNotByGuesses) {
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr, {});
  const Decision standing = dispatcher.decide(model(), sizes);
  const FoundPath path{.path = standing.path, .predicted_s = standing.predicted_s, .rules = {}};
  using Guesses = paths::PricingOptions::Guesses;
  EXPECT_FALSE(fused_form(path, dispatcher, ops::all_ops(), sizes, Guesses::careful));
  EXPECT_FALSE(fused_form(path, dispatcher, ops::all_ops(), sizes, Guesses::none));
  const auto found = fused_form(path, dispatcher, ops::all_ops(), sizes, Guesses::hopeful);
  ASSERT_TRUE(found);
  EXPECT_LT(found->predicted_s, path.predicted_s);
}

TEST(FusedForm, KeepsTheRulesOfWhatItStandsFor) {
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr, {});
  const Decision standing = dispatcher.decide(model(), sizes);
  FoundPath path{.path = standing.path, .predicted_s = standing.predicted_s, .rules = {}};
  path.rules.resize(path.path.graph.nodes().size());
  for (std::size_t n = 0; n < path.rules.size(); ++n) {
    if (path.path.graph.nodes()[n].op == "softmax") path.rules[n] = {"lift-softmax"};
  }
  const auto found =
      fused_form(path, dispatcher, ops::all_ops(), sizes, paths::PricingOptions::Guesses::hopeful);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->rules.size(), found->path.graph.nodes().size());
  EXPECT_THAT(found->rules.back(), testing::ElementsAre("lift-softmax", "fuse"));
}

}  // namespace
}  // namespace paceline
