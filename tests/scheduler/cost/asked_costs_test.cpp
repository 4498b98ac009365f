#include "scheduler/cost/asked_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using testing::Optional;

const Workload rows_48 = parse_workload("exp(f32[48,64]) -> f32[48,64]", ops::all_ops());
const Workload rows_4 = parse_workload("exp(f32[4,64]) -> f32[4,64]", ops::all_ops());
const KernelInfo few_rows{.name = "few_rows", .op = "exp"};
const KernelInfo any_rows{.name = "any_rows", .op = "exp"};

// The same of every kernel and workload.
class Known : public CostSource {
 public:
  explicit Known(std::optional<Estimate> estimate, std::optional<std::string> failure = {})
      : estimate_(std::move(estimate)), failure_(std::move(failure)) {}
  std::optional<Estimate> estimate(const KernelInfo&, const Workload&) override {
    return estimate_;
  }
  std::optional<std::string> failure(const KernelInfo&, const Workload&) override {
    return failure_;
  }

 private:
  std::optional<Estimate> estimate_;
  std::optional<std::string> failure_;
};

class AskedCostsTest : public testing::Test {
 protected:
  AskedCosts costs(Origin origin) {
    return AskedCosts(std::make_unique<Known>(Estimate{.seconds = 1, .origin = origin}), asked_);
  }

  int questions_ = 0;
  AskedKernels asked_{
      [this](const KernelInfo& kernel, const Workload& workload) -> std::optional<std::string> {
        ++questions_;
        if (kernel.name == "any_rows" || workload.inputs[0].extents[0] <= 4) return std::nullopt;
        return "takes up to 4 rows";
      }};
};

TEST_F(AskedCostsTest, LeaveOutWhoRefuses) {
  AskedCosts costs = this->costs(Origin::roofline);
  EXPECT_THAT(costs.failure(few_rows, rows_48), Optional(std::string("takes up to 4 rows")));
  EXPECT_EQ(costs.estimate(few_rows, rows_48), std::nullopt);
  EXPECT_EQ(costs.failure(few_rows, rows_4), std::nullopt);
  EXPECT_TRUE(costs.estimate(few_rows, rows_4).has_value());
  EXPECT_EQ(costs.failure(any_rows, rows_48), std::nullopt);
}

TEST_F(AskedCostsTest, AskOnceForAllSourcesAndRounds) {
  for (int round = 0; round < 3; ++round) {
    AskedCosts costs = this->costs(Origin::interpolated);
    costs.estimate(few_rows, rows_48);
    costs.failure(few_rows, rows_48);
  }
  EXPECT_EQ(questions_, 1);
}

TEST_F(AskedCostsTest, BelieveAMeasurement) {
  AskedCosts costs = this->costs(Origin::measured_here);
  EXPECT_TRUE(costs.estimate(few_rows, rows_48).has_value());
  EXPECT_EQ(costs.failure(few_rows, rows_48), std::nullopt);
  EXPECT_EQ(questions_, 0);
}

TEST_F(AskedCostsTest, KeepWhatFailedBefore) {
  AskedCosts costs(std::make_unique<Known>(std::nullopt, "wrong: off by 3"), asked_);
  EXPECT_THAT(costs.failure(any_rows, rows_48), Optional(std::string("wrong: off by 3")));
  EXPECT_EQ(questions_, 0);
}

}  // namespace
}  // namespace paceline
