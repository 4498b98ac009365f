#include "scheduler/placement/place.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/ops/all_ops.h"

namespace paceline::placement {
namespace {

using testing::ElementsAre;
constexpr DeviceKind cpu = DeviceKind::cpu, cuda = DeviceKind::cuda;
const TensorType row = {Dtype::f32, {Dim::symbol("N")}};
const Bindings bound = {{"N", 1000}};  // 4000 bytes.

TransferTime each(double seconds) {
  return [seconds](std::int64_t, DeviceKind) { return seconds; };
}

// x -> exp -> exp -> ... -> y.
Graph chain(int length) {
  GraphBuilder builder(ops::all_ops());
  Value value = builder.input("x", row);
  for (int i = 0; i < length; ++i) value = builder.op("exp", {value});
  builder.output("y", value);
  return builder.finish();
}

std::vector<DeviceKind> kinds_of(const Graph& graph, const Placement& placement) {
  std::vector<DeviceKind> kinds;
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    if (node.kind == NodeKind::op && !ops::all_ops().get(node.op).view) {
      kinds.push_back(placement.kinds[n]);
    }
  }
  return kinds;
}

TEST(Place, SendsWorkToTheGpuWhereThatPaysForTheTransfers) {
  const Graph graph = chain(2);
  const std::vector<NodeTimes> times = {{}, {3, 1}, {3, 1}};
  const Placement far = place(graph, ops::all_ops(), bound, times, each(2.5));
  EXPECT_THAT(kinds_of(graph, far), ElementsAre(cpu, cpu));
  EXPECT_DOUBLE_EQ(far.seconds, 6);
  EXPECT_DOUBLE_EQ(far.transfer_s, 0);

  const Placement near = place(graph, ops::all_ops(), bound, times, each(1.5));
  EXPECT_THAT(kinds_of(graph, near), ElementsAre(cuda, cuda));
  EXPECT_DOUBLE_EQ(near.seconds, 5);
  EXPECT_DOUBLE_EQ(near.transfer_s, 3);
}

TEST(Place, PutsHalfOnEachSide) {
  const Graph graph = chain(4);
  const std::vector<NodeTimes> times = {{}, {9, 1}, {9, 1}, {1, 9}, {1, 9}};
  const Placement mix = place(graph, ops::all_ops(), bound, times, each(2));
  EXPECT_THAT(kinds_of(graph, mix), ElementsAre(cuda, cuda, cpu, cpu));
  EXPECT_DOUBLE_EQ(mix.seconds, 8);
}

TEST(Place, GoesWhereAKernelIs) {
  const Graph graph = chain(3);
  const std::vector<NodeTimes> times = {{}, {1, 5}, {std::nullopt, 1}, {1, std::nullopt}};
  const Placement mix = place(graph, ops::all_ops(), bound, times, each(100));
  EXPECT_THAT(kinds_of(graph, mix), ElementsAre(cpu, cuda, cpu));
  EXPECT_DOUBLE_EQ(mix.transfer_s, 200);

  const std::vector<NodeTimes> none = {{}, {1, 5}, {}, {1, 1}};
  EXPECT_THROW(place(graph, ops::all_ops(), bound, none, each(1)), Error);
}

TEST(Place, PaysATransferOnceHoweverManyRead) {
  GraphBuilder builder(ops::all_ops());
  const Value x = builder.input("x", row);
  const Value made = builder.op("exp", {x});
  for (const char* name : {"a", "b", "c"}) {
    // Through views, too: what crosses is the value that they are of.
    builder.output(name, builder.op("neg", {made.slice(0, 0, Dim(10))}));
  }
  const Graph graph = builder.finish();
  std::vector<NodeTimes> times(graph.nodes().size());
  for (std::size_t n = 0; n < times.size(); ++n) {
    const Node& node = graph.nodes()[n];
    if (node.op == "exp") times[n] = {0, std::nullopt};
    if (node.op == "neg") times[n] = {2, 0};
  }
  std::vector<std::int64_t> bytes;
  // To the GPU 4000 bytes at once for 1.5; 10 elements each way back for nothing.
  const Placement found = place(
      graph, ops::all_ops(), bound, times,
      [&](std::int64_t size, DeviceKind to) { return to == cuda && size == 4000 ? 1.5 : 0.0; });
  EXPECT_THAT(kinds_of(graph, found), ElementsAre(cpu, cuda, cuda, cuda));
  EXPECT_DOUBLE_EQ(found.seconds, 1.5);
}

TEST(Place, HasAStateWhereItIsUpdated) {
  GraphBuilder builder(ops::all_ops());
  const Value x = builder.input("x", row);
  const Value kept = builder.state("kept", row);
  const Value next = builder.op("add", {kept, x});
  builder.update(kept, next);
  builder.output("y", builder.op("exp", {kept}));
  const Graph graph = builder.finish();
  std::vector<NodeTimes> times(graph.nodes().size());
  for (std::size_t n = 0; n < times.size(); ++n) {
    const Node& node = graph.nodes()[n];
    if (node.op == "add") times[n] = {std::nullopt, 1};
    if (node.op == "exp") times[n] = {1, 1.5};
  }
  // exp reads what lies on the GPU: to the CPU it comes before or after.
  const Placement found = place(graph, ops::all_ops(), bound, times, each(3));
  EXPECT_DOUBLE_EQ(found.seconds, 1 + 1 + 3 + 3);
  EXPECT_THAT(kinds_of(graph, found), ElementsAre(cuda, cpu));
}

TEST(Place, PreparesWeightsWhereTheyAreRead) {
  GraphBuilder builder(ops::all_ops());
  const Value x = builder.input("x", {Dtype::f32, {Dim(1000)}});
  const Value weight = builder.weight("w", {Dtype::f32, {Dim(1000)}});
  const Value prepared = builder.op("exp", {weight});
  builder.output("y", builder.op("mul", {x, prepared}));
  const Graph graph = builder.finish();
  std::vector<NodeTimes> times(graph.nodes().size());
  for (std::size_t n = 0; n < times.size(); ++n) {
    const Node& node = graph.nodes()[n];
    if (node.op == "exp") times[n] = {1, 100};  // Not in a run.
    if (node.op == "mul") times[n] = {9, 1};
  }
  EXPECT_THAT(kinds_of(graph, place(graph, ops::all_ops(), bound, times, each(1))),
              ElementsAre(cuda, cuda));
  EXPECT_THAT(kinds_of(graph, place(graph, ops::all_ops(), bound, times, each(5))),
              ElementsAre(cpu, cpu));
}

// What place() minimises, by its words.
double seconds_of(const Graph& graph, const std::vector<NodeTimes>& times, unsigned on_cuda,
                  double transfer_s) {
  const auto is_cuda = [&](std::int32_t n) {
    return graph.node(n).kind == NodeKind::op && (on_cuda >> n & 1) != 0;
  };
  double seconds = 0;
  std::vector<std::array<bool, 2>> wanted(graph.nodes().size());
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    if (graph.node(n).kind == NodeKind::op) {
      seconds += is_cuda(n) ? *times[n].cuda_s : *times[n].cpu_s;
    }
    for (const ValueRef input : graph.node(n).inputs) wanted[input.node][is_cuda(n)] = true;
  }
  for (const NamedOutput& output : graph.outputs()) wanted[output.value.node][0] = true;
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    if (wanted[n][!is_cuda(n)]) seconds += transfer_s;
  }
  return seconds;
}

TEST(Place, IsTheBestOfAllAssignments) {
  Random random(7);
  const auto below = [&](double limit) { return limit * random.uniform(); };
  for (int round = 0; round < 60; ++round) {
    GraphBuilder builder(ops::all_ops());
    std::vector<Value> values = {builder.input("x", row)};
    for (int i = 0; i < 8; ++i) {
      const auto any = [&] { return values[static_cast<std::size_t>(below(values.size()))]; };
      values.push_back(builder.op("add", {any(), any()}));
    }
    builder.output("y", values.back());
    const Graph graph = builder.finish();
    std::vector<NodeTimes> times = {{}};
    for (int i = 0; i < 8; ++i) times.push_back({below(4), below(4)});
    const double transfer_s = below(2);
    double best = 1e9;
    for (unsigned on_cuda = 0; on_cuda < 512; on_cuda += 2) {
      best = std::min(best, seconds_of(graph, times, on_cuda, transfer_s));
    }
    EXPECT_NEAR(place(graph, ops::all_ops(), bound, times, each(transfer_s)).seconds, best, 1e-9);
  }
}

}  // namespace
}  // namespace paceline::placement
