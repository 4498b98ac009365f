#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/graph/workload.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

Workload parse(std::string_view text) { return parse_workload(text, ops::all_ops()); }

TEST(Workload, ReadsAndWritesItsTextWithDefaultsFilledIn) {
  const Workload workload = parse("matmul(f32[40,64], f32[64,64], transpose_b=true) -> f32[40,64]");
  EXPECT_EQ(workload.to_text(),
            "matmul(f32[40,64], f32[64,64], transpose_a=false, transpose_b=true) -> f32[40,64]");
}

TEST(Workload, KeepsStridesAndPacking) {
  const char* const text = "copy(f32[2,4]{1,2}@\"packed/8\") -> f32[2,4]";
  EXPECT_EQ(parse(text).to_text(), text);
}

TEST(Workload, OfEverySampleReadsBack) {
  for (const Op& op : ops::all_ops().all()) {
    for (const Sample& sample : op.samples) {
      const Workload workload = workload_of(op, sample);
      const Workload again = parse(workload.to_text());
      ASSERT_EQ(again, workload) << workload.to_text();
      ASSERT_EQ(again.id(), workload.id());
    }
  }
}

TEST(Workload, HasOneIdForDenseStridesHoweverWritten) {
  EXPECT_EQ(parse("neg(f32[2,4]{4,1}) -> f32[2,4]").id(), parse("neg(f32[2,4]) -> f32[2,4]").id());
  EXPECT_NE(parse("neg(f32[2,4]{1,2}) -> f32[2,4]").id(), parse("neg(f32[2,4]) -> f32[2,4]").id());
}

TEST(Workload, OfANodeBindsShapesAndAttributes) {
  const Graph graph = parse_graph(
      "graph \"g\" { state s: f32[16,4] input x: f32[N,4]"
      " y = update_slice(s, x, axis=0, start=past) output z = y }",
      ops::all_ops());
  EXPECT_EQ(workload_of(graph, 2, {{"N", 3}, {"past", 5}}).to_text(),
            "update_slice(f32[16,4], f32[3,4], axis=0, start=5) -> f32[16,4]");
}

TEST(Workload, OfAnOpWithoutInputsReadsBack) {
  const char* const text = "iota(dtype=i64, extent=5, start=0) -> i64[5]";
  EXPECT_EQ(parse(text).to_text(), text);
}

TEST(Workload, RefusesWhatDoesNotParse) {
  const auto refuses = [](const char* text, const char* message) {
    EXPECT_THAT([&] { parse(text); }, Throws<Error>(Property(&Error::what, HasSubstr(message))));
  };
  refuses("neg(f32[2,4]) -> ", "column 18: expected a dtype: the text ends");
  refuses("neg(f32[2,-4]) -> f32[2]", "extents are at least 0");
  refuses("neg(f32[2,4]{1}) -> f32[2]", "1 for 2 axes");
  refuses("nope(f32[2]) -> f32[2]", "unknown op \"nope\"");
  refuses("neg(f32[2]) -> f32[2] more", "expected the end");
}

}  // namespace
}  // namespace paceline
