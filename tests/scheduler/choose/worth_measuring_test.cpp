#include "scheduler/choose/worth_measuring.h"

#include <gmock/gmock.h>

#include <map>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;

class FakeCosts : public CostSource {
 public:
  std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload&) override {
    const auto found = estimates.find(kernel.name);
    return found == estimates.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::string> failure(const KernelInfo&, const Workload&) override {
    return std::nullopt;
  }

  std::map<std::string, Estimate> estimates;
};

KernelInfo kernel(std::string name, Dtype dtype = Dtype::f32) {
  KernelInfo info;
  info.name = std::move(name);
  info.op = "exp";
  info.accepts.dtypes = {dtype};
  return info;
}

Estimate estimate(double seconds, Origin origin) {
  const double spread = origin == Origin::measured_here ? 1.01 : 2;
  return {
      .seconds = seconds, .low_s = seconds / spread, .high_s = seconds * spread, .origin = origin};
}

class WorthMeasuring : public ::testing::Test {
 protected:
  std::vector<std::string> worth() {
    std::vector<std::string> names;
    for (const KernelInfo* kernel : worth_measuring(kernels_, workload_, costs_)) {
      names.push_back(kernel->name);
    }
    return names;
  }

  Workload workload_ = parse_workload("exp(f32[64]) -> f32[64]", ops::all_ops());
  std::vector<KernelInfo> kernels_ = {kernel("slow"), kernel("fast"), kernel("f64", Dtype::f64)};
  FakeCosts costs_;
};

TEST_F(WorthMeasuring, AreAllThatAcceptTheWorkloadWhileNothingIsKnown) {
  EXPECT_THAT(worth(), ElementsAre("slow", "fast"));
}

TEST_F(WorthMeasuring, IsNotWhoIsPredictedFarBehindTheMeasuredOrThePredictedBest) {
  costs_.estimates = {{"slow", estimate(2, Origin::roofline)},
                      {"fast", estimate(0.1, Origin::measured_here)}};
  EXPECT_THAT(worth(), ElementsAre("fast"));
  costs_.estimates["fast"] = estimate(0.1, Origin::interpolated);
  EXPECT_THAT(worth(), ElementsAre("fast"));
}

TEST_F(WorthMeasuring, IsWhoseIntervalComesNear) {
  costs_.estimates = {{"slow", estimate(0.5, Origin::roofline)},
                      {"fast", estimate(0.1, Origin::measured_here)}};
  EXPECT_THAT(worth(), ElementsAre("slow", "fast"));
}

TEST_F(WorthMeasuring, IsWhoTakesLittleTimeInAnyCase) {
  costs_.estimates = {{"slow", estimate(2e-3, Origin::roofline)},
                      {"fast", estimate(1e-6, Origin::measured_here)}};
  EXPECT_THAT(worth(), ElementsAre("slow", "fast"));
}

TEST_F(WorthMeasuring, IsWhatWasMeasuredAlready) {
  costs_.estimates = {{"slow", estimate(2, Origin::measured_here)},
                      {"fast", estimate(0.1, Origin::measured_here)}};
  EXPECT_THAT(worth(), ElementsAre("slow", "fast"));
}

}  // namespace
}  // namespace paceline
