#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/fleet/workloads.h"
#include "tests/support/scratch.h"
#include "worker/dispatch/dispatch.h"

namespace paceline {
namespace {

using ::testing::IsSupersetOf;

// Two convolutions that are blocked where nothing was measured, each behind a rectifier that the
// search joins to it.
constexpr std::string_view text = R"(graph "g" {
  input x: f32[1,32,28,28]
  weight a: f32[64,32,3,3]
  weight b: f32[64,64,3,3]
  c = conv(x, a, strides=[1,1], dilations=[1,1], pads_low=[1,1], pads_high=[1,1])
  d = relu(c)
  e = conv(d, b, strides=[1,1], dilations=[1,1], pads_low=[1,1], pads_high=[1,1])
  y = relu(e)
  output y = y
})";

std::vector<std::string> texts_of(const Graph& graph) {
  std::vector<std::string> texts;
  for (const Workload& workload : workloads_of(graph, {}, ops::all_ops())) {
    texts.push_back(workload.to_text());
  }
  return texts;
}

// Once the graph as it stands has numbers, only what has them too is searched.
TEST(MeasureMissing, MeasuresWhatRunsWhereNothingWasMeasured) {
  const testing::Scratch scratch;
  const auto store = open_store((scratch / "store.sqlite").string());
  const auto& ops = ops::all_ops();
  const auto kernels = kernels::all_kernels();
  const Graph graph = prepare(parse_graph(text, ops), ops, kernels);
  const Path bare = GraphDispatcher(ops, kernels, nullptr, {}).dispatch(graph, {}).decision.path;
  ASSERT_NE(bare.graph.id(), graph.id());

  GraphDispatcher dispatcher(ops, kernels, store.get(),
                             {.budget = {.time = std::chrono::milliseconds(2)}});
  std::vector<std::string> measured;
  const Regime regimes[] = {Regime::hot};
  dispatcher.measure_missing(graph, {}, regimes, [&](int, int, const Workload& workload) {
    measured.push_back(workload.to_text());
  });

  EXPECT_THAT(measured, IsSupersetOf(texts_of(graph)));
  EXPECT_THAT(measured, IsSupersetOf(texts_of(bare.graph)));
  EXPECT_EQ(dispatcher.dispatch(graph, {}).decision.estimated, 0);
}

}  // namespace
}  // namespace paceline
