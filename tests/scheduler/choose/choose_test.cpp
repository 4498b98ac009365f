#include "scheduler/choose/choose.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "common/base/error.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Answers by the kernel's name.
class FakeCosts : public CostSource {
 public:
  std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload&) override {
    const auto found = estimates.find(kernel.name);
    return found == estimates.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::string> failure(const KernelInfo& kernel, const Workload&) override {
    const auto found = failures.find(kernel.name);
    return found == failures.end() ? std::nullopt : std::optional(found->second);
  }

  std::map<std::string, Estimate> estimates;
  std::map<std::string, std::string> failures;
};

KernelInfo kernel(std::string name, double expected_efficiency, bool is_plain = false) {
  KernelInfo info;
  info.name = std::move(name);
  info.op = "exp";
  info.accepts.dtypes = {Dtype::f32};
  info.expected_efficiency = expected_efficiency;
  info.is_plain = is_plain;
  return info;
}

Estimate measured(double seconds, double error_relative = 0) {
  return {.seconds = seconds,
          .low_s = seconds * 0.99,
          .high_s = seconds * 1.01,
          .origin = Origin::measured_here,
          .noise_floor = 0.01,
          .error_relative = error_relative};
}

Estimate guessed(double seconds) {
  return {.seconds = seconds, .low_s = seconds / 4, .high_s = seconds * 4};
}

Graph one_exp() {
  GraphBuilder builder(ops::all_ops());
  const Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 64}});
  builder.output("y", builder.op("exp", {x}));
  return builder.finish();
}

class ChooseTest : public ::testing::Test {
 protected:
  Decision decide(const Graph& graph = one_exp()) {
    return choose(graph, {{"N", 8}}, ops::all_ops(), KernelChooser(kernels_, costs_, options_),
                  options_.on_miss);
  }
  std::string chosen() { return decide().nodes.at(0).kernel; }

  std::vector<KernelInfo> kernels_ = {kernel("plain", 0.05, true), kernel("fast", 0.5),
                                      kernel("other", 0.4)};
  FakeCosts costs_;
  ChooseOptions options_;
};

TEST_F(ChooseTest, TakesWhatTheAuthorExpectsMostOfWhenNothingIsKnown) {
  const Decision decision = decide();
  EXPECT_EQ(decision.nodes[0].kernel, "fast");
  EXPECT_EQ(decision.nodes[0].estimate, std::nullopt);
  EXPECT_EQ(decision.measured, 0);
  EXPECT_EQ(decision.estimated, 1);
}

TEST_F(ChooseTest, TakesTheFastestMeasuredOutsideTheNoise) {
  costs_.estimates = {
      {"plain", measured(1e-5)}, {"fast", measured(2e-5)}, {"other", measured(3e-5)}};
  const Decision decision = decide();

  EXPECT_EQ(decision.nodes[0].kernel, "plain");
  EXPECT_EQ(decision.measured, 1);
  EXPECT_DOUBLE_EQ(decision.predicted_s, 1e-5);
  ASSERT_EQ(decision.nodes[0].rivals.size(), 2u);
  EXPECT_EQ(decision.nodes[0].rivals[0].kernel, "fast");
  EXPECT_EQ(decision.nodes[0].rivals[0].verdict, Verdict::faster);
}

TEST_F(ChooseTest, StaysWithTheDefaultInATie) {
  costs_.estimates = {{"fast", measured(1.005e-5)}, {"other", measured(1e-5)}};
  const Decision decision = decide();
  EXPECT_EQ(decision.nodes[0].kernel, "fast");
  EXPECT_EQ(decision.nodes[0].rivals[0].kernel, "other");
  EXPECT_EQ(decision.nodes[0].rivals[0].verdict, Verdict::tied);
}

TEST_F(ChooseTest, NeverTrustsAGuessOverAMeasurement) {
  costs_.estimates = {{"plain", measured(1e-5)}, {"fast", guessed(1e-9)}};
  EXPECT_EQ(chosen(), "plain");
}

TEST_F(ChooseTest, FollowsTheGuessesWhenThereIsNothingElse) {
  costs_.estimates = {{"plain", guessed(3e-5)}, {"fast", guessed(2e-5)}, {"other", guessed(1e-5)}};
  EXPECT_EQ(chosen(), "other");
}

TEST_F(ChooseTest, LeavesOutWhatFailedAndSaysWhy) {
  costs_.estimates = {{"plain", measured(2e-5)}};
  costs_.failures = {{"fast", "crashed: killed by SIGSEGV"}};
  const auto node = decide().nodes[0];
  EXPECT_EQ(node.kernel, "plain");
  EXPECT_EQ(node.rivals.back().kernel, "fast");
  EXPECT_THAT(node.rivals.back().excluded, HasSubstr("SIGSEGV"));
}

TEST_F(ChooseTest, LeavesOutAnErrorAboveTheTolerance) {
  costs_.estimates = {{"plain", measured(2e-5, 1e-7)}, {"fast", measured(1e-5, 1e-3)}};
  options_.tolerance = 1e-4;
  EXPECT_EQ(chosen(), "plain");
  options_.tolerance = 1e-2;
  EXPECT_EQ(chosen(), "fast");
}

Graph chain_of_exps(int count) {
  GraphBuilder builder(ops::all_ops());
  Value x = builder.input("x", {Dtype::f32, {Dim::symbol("N"), 64}});
  for (int i = 0; i < count; ++i) x = builder.op("exp", {x});
  builder.output("y", x);
  return builder.finish();
}

// Each kernel fits the tolerance alone, and 28 of them do not.
TEST_F(ChooseTest, ErrorsOfAllStepsTogetherFitTheTolerance) {
  kernels_ = {kernel("f32", 0.5), kernel("int16", 0.5), kernel("int8", 0.5)};
  kernels_[1].precision = kernels_[2].precision = Precision::narrows;
  costs_.estimates = {{"f32", measured(4e-5, 1e-7)},
                      {"int16", measured(2e-5, 4e-5)},
                      {"int8", measured(1e-5, 5e-3)}};
  const auto chosen_at = [&](double tolerance, int steps) {
    options_.tolerance = tolerance;
    const Decision decision = decide(chain_of_exps(steps));
    EXPECT_LE(decision.error, tolerance);
    return decision.nodes.back().kernel;
  };
  EXPECT_EQ(chosen_at(1e-2, 1), "int8");
  EXPECT_EQ(chosen_at(1e-2, 28), "int16");
  EXPECT_EQ(chosen_at(3e-2, 28), "int8");
  EXPECT_EQ(chosen_at(1e-4, 28), "f32");
  const Decision decision = decide(chain_of_exps(28));
  EXPECT_THAT(decision.nodes[0].rivals.back().excluded, HasSubstr("allows a step"));
}

TEST_F(ChooseTest, TakesTheMostPreciseWhereNothingFits) {
  kernels_ = {kernel("coarse", 0.5), kernel("fine", 0.5)};
  for (KernelInfo& info : kernels_) info.precision = Precision::narrows;
  costs_.estimates = {{"coarse", measured(1e-5, 9e-3)}, {"fine", measured(2e-5, 5e-3)}};
  options_.tolerance = 1e-2;
  const Decision decision = decide(chain_of_exps(28));
  EXPECT_EQ(decision.nodes[0].kernel, "fine");
  EXPECT_NEAR(decision.error, 5e-3 * std::sqrt(28), 1e-9);
}

TEST_F(ChooseTest, TakesPlainKernelsAloneWhenAsked) {
  costs_.estimates = {{"plain", measured(9e-5)}, {"fast", measured(1e-5)}};
  options_.plain_only = true;
  EXPECT_EQ(chosen(), "plain");
}

TEST_F(ChooseTest, GivesEachNodeThatComputesAChoiceAndViewsNone) {
  GraphBuilder builder(ops::all_ops());
  const Value x = builder.input("x", {Dtype::f32, {4, 64}});
  const Value a = builder.op("exp", {x});
  builder.output("y", builder.op("exp", {a.reshape({64, 4}).reshape({4, 64})}));

  EXPECT_EQ(decide(builder.finish()).path.choices.size(), 2u);
}

TEST_F(ChooseTest, NamesTheWorkloadThatNoKernelTakes) {
  kernels_ = {kernel("narrow", 0.5)};
  kernels_[0].accepts.rank_max = 1;
  try {
    decide();
    FAIL() << "chose";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("exp(f32[8,64])"));
    EXPECT_THAT(error.what(), HasSubstr("narrow: takes rank"));
  }
}

TEST_F(ChooseTest, OnMissFailListsWhatIsUnmeasured) {
  options_.on_miss = OnMiss::fail;
  costs_.estimates = {{"fast", guessed(1e-5)}};
  try {
    decide();
    FAIL() << "chose";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("exp(f32[8,64])"));
  }
  costs_.estimates = {{"fast", measured(1e-5)}};
  EXPECT_EQ(chosen(), "fast");
}

}  // namespace
}  // namespace paceline
