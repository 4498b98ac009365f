#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/graph/path.h"
#include "common/graph/plan.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Property;
using ::testing::Throws;

const char* const graph_lines = R"(graph "g" {
  input x: f32[N,4]
  h = exp(x)
  y = neg(h)
  output z = y
}
)";

std::string plan_with(const std::string& lines) {
  return std::string("plan {\n") + graph_lines + lines + "}\n";
}

const std::string good = plan_with(R"(slot cpu [16*N] above []
slot cuda:1 [64] above [0]
tensor x: f32[N,4] strides [4,1] offset [0]
tensor slot 0: f32[N,4] strides [4,1] offset [0]
tensor slot 0: f32[4,N] strides [1,4] offset [-2*N+3]
run h: exp = "exp.fast" on cpu ([0]) -> [1] workspace 1
run y: neg = neg_plain on cuda:1 ([1]) -> [1]
run h: exp = "exp.fast" on cpu ([0]) -> [1] workspace 1 bundle 3
run y: softmax = softmax_plain on cpu ([1], axis=-1) -> [2]
output "z z" = 2
)");

TEST(PlanText, ReadsBackToTheSameTextAndId) {
  const Plan plan = parse_plan(good, ops::all_ops());
  EXPECT_EQ(to_text(plan), good);
  EXPECT_EQ(parse_plan(to_text(plan), ops::all_ops()).id(), plan.id());
  EXPECT_EQ(plan.instructions[0].workspace, 1);
  EXPECT_EQ(plan.tensors[0].storage, Plan::Storage::input);
}

TEST(PlanText, KeepsThePrologueApart) {
  const std::string text = R"(plan {
graph "g" {
  weight "prepared": f32[4]
  h = exp("prepared")
  y = neg(h)
  output z = y
}
prepared cpu [16]
prepared cpu [64]
tensor "prepared": f32[4] strides [1] offset [0]
tensor prepared 0: f32[4] strides [1] offset [0]
prepare h: exp = "exp.fast" on cpu ([0]) -> [1] workspace 1
run y: neg = neg_plain on cpu ([1]) -> [1]
output z = 1
}
)";
  const Plan plan = parse_plan(text, ops::all_ops());
  EXPECT_EQ(to_text(plan), text);
  EXPECT_EQ(plan.prologue.size(), 1U);
  EXPECT_EQ(plan.prologue[0].workspace, 1);
  EXPECT_EQ(plan.prepared[1].bytes, 64);
  EXPECT_EQ(plan.tensors[0].storage, Plan::Storage::weight);
  EXPECT_EQ(plan.tensors[1].storage, Plan::Storage::prepared);
}

TEST(PlanText, RefusesIndicesThatNameNothing) {
  const auto refuses = [](const std::string& lines, const char* message) {
    EXPECT_THAT([&] { parse_plan(plan_with(lines), ops::all_ops()); },
                Throws<Error>(Property(&Error::what, HasSubstr(message))));
  };
  refuses("slot cpu [4] above [0]", "line 8, column 21: 0 is not defined before: there are 0");
  refuses("tensor slot 0: f32[] strides [] offset [0]", "0 is not defined before");
  refuses("tensor h: f32[4] strides [1] offset [0]", "a result of an op lies in a slot");
  refuses("tensor x: f32[4] strides [] offset [0]", "one stride an axis");
  refuses("run h: exp = e on cpu ([0]) -> []", "0 is not defined before");
  refuses("run h: exp = e on tpu ([]) -> []", "tpu");
  refuses("output z = 0", "0 is not defined before");
  refuses("output z = -1", "expected an index: -1");
  refuses("tensor prepared 0: f32[] strides [] offset [0]", "0 is not defined before");
  refuses("prepared cpu [-4]", "bytes are at least 0: -4");
  refuses("slot cpu [4] above [] prepare h: exp = e on cpu ([]) -> [] workspace 0",
          "0 is not defined before");
}

TEST(PathText, ReadsBackToTheSameTextAndId) {
  const std::string text =
      std::string("path {\n") + graph_lines +
      "choose h = \"exp.fast\" on cpu bundle 2\nchoose y = neg_plain on cuda:1\n}\n";
  const Path path = parse_path(text, ops::all_ops());
  EXPECT_EQ(to_text(path), text);
  EXPECT_EQ(parse_path(to_text(path), ops::all_ops()).id(), path.id());
}

TEST(PathText, RefusesBundlesOnOtherDevices) {
  const std::string text = std::string("path {\n") + graph_lines +
                           "choose h = e on cpu bundle 0\nchoose y = n on cuda:0 bundle 0\n}\n";
  EXPECT_THAT([&] { parse_path(text, ops::all_ops()); },
              Throws<Error>(
                  Property(&Error::what, HasSubstr("line 9, column 24: bundles run on the CPU"))));
}

TEST(PathId, DependsOnKernelsAndDevicesButNotOnTheOrderOfChoices) {
  const auto path = [](const char* choices) {
    return parse_path(std::string("path {\n") + graph_lines + choices + "}", ops::all_ops()).id();
  };
  EXPECT_EQ(path("choose h = a on cpu choose y = b on cpu"),
            path("choose y = b on cpu choose h = a on cpu"));
  EXPECT_NE(path("choose h = a on cpu"), path("choose h = b on cpu"));
  EXPECT_NE(path("choose h = a on cpu"), path("choose h = a on cuda:0"));
  EXPECT_NE(path("choose h = a on cpu"), path("choose y = a on cpu"));
  EXPECT_NE(path("choose h = a on cpu"), path("choose h = a on cpu bundle 0"));
}

}  // namespace
}  // namespace paceline
