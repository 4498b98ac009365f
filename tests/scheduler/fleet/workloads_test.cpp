#include "scheduler/fleet/workloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "scheduler/fleet/units.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

Graph layers() {
  return parse_graph(R"(graph "layers" {
    input x: f32[N,8]
    a = exp(x)
    b = exp(a)
    c = permute(b, order=[1,0])
    d = neg(c)
    unused = sin(x)
    output y = d
  })",
                     ops::all_ops());
}

std::vector<std::string> texts(const std::vector<Workload>& workloads) {
  std::vector<std::string> list;
  for (const Workload& workload : workloads) list.push_back(workload.to_text());
  return list;
}

TEST(WorkloadsOf, ListsEachWorkloadOnceAndNeitherViewsNorDeadNodes) {
  EXPECT_THAT(texts(workloads_of(layers(), {{"N", 3}}, ops::all_ops())),
              ElementsAre("exp(f32[3,8]) -> f32[3,8]", "neg(f32[8,3]) -> f32[8,3]"));
}

TEST(WorkloadsOf, RefusesAnUnboundSymbol) {
  EXPECT_THROW(workloads_of(layers(), {}, ops::all_ops()), Error);
}

TEST(MeasuringUnits, AreTheDistinctWorkloadsOfAllBindingsAtEachThreadCount) {
  const std::vector<Graph> graphs = {layers(), layers()};
  const std::vector<Bindings> bindings = {{{"N", 3}}, {{"N", 4}}, {{"N", 3}}};
  const fleet::MeasuringUnits units(graphs, bindings, {1, 2}, ops::all_ops());
  EXPECT_EQ(units.count(), 8);
  EXPECT_EQ(units.at(3).threads, 1);
  EXPECT_EQ(units.at(4).threads, 2);
  EXPECT_EQ(units.at(0).workload, units.at(4).workload);
}

}  // namespace
}  // namespace paceline
