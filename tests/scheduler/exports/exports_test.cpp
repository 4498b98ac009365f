#include "tests/scheduler/exports/exports.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

class Exports : public testing::TestWithParam<std::string> {};

TEST_P(Exports, AreSoundGraphsOfAtomicStepsWithFiniteResults) {
  const Graph graph = test::export_graph(GetParam());
  validate(graph, ops::all_ops());
  EXPECT_EQ(parse_graph(to_text(graph), ops::all_ops()).id(), graph.id());
  for (const char* composite : {"attention", "rms_norm", "layer_norm", "gelu", "silu", "rope",
                                "gated_activation", "linear", "embedding"}) {
    EXPECT_EQ(test::count_of(graph, composite), 0) << composite;
  }
  for (const auto& [name, tensor] :
       test::outputs_of(graph, test::export_values(graph, 1), test::export_bindings())) {
    for (const double element : tensor.to_doubles()) ASSERT_TRUE(std::isfinite(element)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Exports, testing::ValuesIn(test::export_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
