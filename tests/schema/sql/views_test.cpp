#include <gmock/gmock.h>

#include "tests/common/store/homes.h"
#include "tests/common/store/nouns.h"

namespace paceline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ViewsTest : public OnBothHomes {
 protected:
  ViewsTest() {
    put_identities(*store_);
    const std::vector<KernelInfo> more = {rival_, rebuilt_};
    store_->put(more);
    store_->put(updated_);
  }

  // Measured `age` nanoseconds ago.
  void put(const KernelInfo& kernel, double median_s, std::int64_t age_ns = 0,
           const Environment& environment = some_environment()) {
    Measurement measurement = some_measurement(median_s, age_ns);
    measurement.kernel = kernel.id();
    measurement.environment = environment.id();
    put_one(*store_, measurement);
  }
  std::vector<std::vector<std::string>> rows(const std::string& sql) {
    return store_->query(sql).rows;
  }

  const KernelInfo kernel_ = some_kernel();
  const KernelInfo rebuilt_ = some_kernel("softmax_rows", "s2");
  const KernelInfo rival_ = some_kernel("softmax_other");
  const Environment updated_ = [] {
    Environment environment = some_environment();
    environment.cuda_driver = "560.28";
    return environment;
  }();
};
PACELINE_ON_BOTH_HOMES(ViewsTest);

TEST_P(ViewsTest, BestKernelIsTheFastestWithItsRunnerUp) {
  put(kernel_, 2e-5);
  put(rival_, 1e-5);

  EXPECT_THAT(rows("select op, kernel, runner_up, kernels, regime, threads from best_kernel"),
              ElementsAre(ElementsAre("softmax", "softmax_other", "softmax_rows", "2", "hot", "4")));
  EXPECT_THAT(rows("select runner_up_ratio > 1.99 and runner_up_ratio < 2.01 from best_kernel")[0][0],
              ::testing::AnyOf("1", "t"));
}

TEST_P(ViewsTest, BestKernelForgetsWhatAKernelTookBefore) {
  put(kernel_, 1e-6, 1'000);
  put(kernel_, 3e-5);
  put(rival_, 1e-5);

  EXPECT_THAT(rows("select kernel from best_kernel"), ElementsAre(ElementsAre("softmax_other")));
}

TEST_P(ViewsTest, TieNamesWhatCannotBeToldFromTheFastest) {
  put(kernel_, 1.005e-5);
  put(rival_, 1e-5);
  put(rebuilt_, 2e-5);

  EXPECT_THAT(rows("select kernel, rival from tie"),
              ElementsAre(ElementsAre("softmax_other", "softmax_rows")));
}

TEST_P(ViewsTest, RegressionNamesWhatGotSlowerAndWhatChanged) {
  put(kernel_, 1e-5, 2'000);
  put(rebuilt_, 2e-5, 1'000);
  put(rival_, 1e-5, 2'000);
  put(rival_, 1.001e-5, 1'000);

  const auto found = rows("select kernel, kernel_changed, environment_changed from regression");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0][0], "softmax_rows");
  EXPECT_THAT(found[0][1], ::testing::AnyOf("1", "t"));
  EXPECT_THAT(found[0][2], ::testing::AnyOf("0", "f"));
}

TEST_P(ViewsTest, RegressionIsSilentOnceItIsMended) {
  put(kernel_, 1e-5, 3'000);
  put(kernel_, 2e-5, 2'000);
  put(kernel_, 1e-5, 1'000);

  EXPECT_THAT(rows("select kernel from regression"), IsEmpty());
}

TEST_P(ViewsTest, KernelHistoryKeepsEveryMeasurement) {
  put(kernel_, 1e-5, 2'000);
  put(rebuilt_, 2e-5, 1'000);

  EXPECT_THAT(rows("select count(*), count(previous_median_s) from kernel_history "
                   "where kernel = 'softmax_rows'"),
              ElementsAre(ElementsAre("2", "1")));
}

TEST_P(ViewsTest, CoverageCountsWhatIsKnownAndUnknown) {
  const std::vector<Workload> unmeasured = {some_workload(41), some_workload(42)};
  store_->put(unmeasured);
  put(kernel_, 1e-5);

  EXPECT_THAT(rows("select op, measured_workloads, unknown_workloads, ok, failed from coverage"),
              ElementsAre(ElementsAre("softmax", "1", "2", "1", "0")));
}

TEST_P(ViewsTest, ADriverUpdateMakesRowsStaleAndDeletesNothing) {
  put(kernel_, 1e-5, 1'000);
  EXPECT_THAT(rows("select * from stale_environment"), IsEmpty());
  put(kernel_, 2e-5, 0, updated_);

  EXPECT_THAT(rows("select environment_id from stale_environment"),
              ElementsAre(ElementsAre(some_environment().id().to_string())));
  EXPECT_THAT(rows("select cast(round(median_s * 1000000) as integer) from timing where not stale"),
              ElementsAre(ElementsAre("20")));
  EXPECT_THAT(rows("select count(*) from timing"), ElementsAre(ElementsAre("2")));
}

}  // namespace
}  // namespace paceline::testing
