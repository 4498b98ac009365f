#include "scheduler/cost/calibration.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

// A flop and a byte take 1 ns each.
const Roofline peaks = {.flops_per_s = 1e9, .bytes_per_s = 1e9, .call_s = 1e-9};

WorkSize flops(double count) { return {.flops = count, .bytes = 1}; }

// Of as many flops as given, at so many times the bound.
Calibration calibration(std::initializer_list<std::pair<double, double>> flops_and_ratios) {
  Calibration calibration(peaks);
  for (const auto& [count, ratio] : flops_and_ratios) {
    calibration.add(flops(count), ratio * (count * 1e-9 + 1e-9));
  }
  return calibration;
}

TEST(Calibration, SaysNothingFromFewRows) {
  EXPECT_FALSE(calibration({}).predict(flops(1e4)));
  EXPECT_FALSE(calibration({{1e4, 2}, {2e4, 2}}).predict(flops(1e4)));
}

TEST(Calibration, RecoversASteadyEfficiency) {
  const auto found = calibration({{1e4, 2}, {2e4, 2}, {4e4, 2}, {8e4, 2}}).predict(flops(3e4));
  EXPECT_NEAR(found->seconds, 6e-5, 1e-8);
  EXPECT_LT(found->low_s, 6e-5);
  EXPECT_GT(found->low_s, 3e-5);
  EXPECT_GT(found->high_s, 6e-5);
  EXPECT_LT(found->high_s, 12e-5);
}

TEST(Calibration, HoldsWhatItsRowsShow) {
  const auto found = calibration({{1e4, 1}, {1.1e4, 4}, {1.2e4, 2}, {1.3e4, 10}, {1.4e4, 3}})
                         .predict(flops(1.25e4));
  EXPECT_GT(found->seconds, 1.25e-5);
  EXPECT_LT(found->seconds, 12.5e-5);
  EXPECT_LT(found->low_s, 1.25e-5);
  EXPECT_GT(found->high_s, 12.5e-5);
}

TEST(Calibration, GoesByRowsOfLikeFlopsAndBytes) {
  Calibration calibration(peaks);
  for (int i = 0; i < 10; ++i) {
    // All are bound by 1e6 bytes, half of them have flops to do too.
    calibration.add({.flops = 1e3 + i, .bytes = 1e6}, 2e-3);
    calibration.add({.flops = 1e6 - i, .bytes = 1e6}, 30e-3);
  }
  EXPECT_NEAR(calibration.predict({.flops = 1e3, .bytes = 1e6})->seconds, 2e-3, 1e-6);
  EXPECT_NEAR(calibration.predict({.flops = 1e6, .bytes = 1e6})->seconds, 30e-3, 1e-5);
}

TEST(Calibration, IsLessSureFarFromItsRows) {
  const Calibration rows = calibration({{1e4, 2}, {2e4, 2}, {4e4, 2}});
  const auto near = rows.predict(flops(2e4));
  const auto far = rows.predict(flops(1e6));
  EXPECT_NEAR(far->seconds, 2e-3, 1e-6);
  EXPECT_GT(far->high_s / far->seconds, 2 * near->high_s / near->seconds);
  EXPECT_LT(far->low_s / far->seconds, near->low_s / near->seconds / 2);
}

}  // namespace
}  // namespace paceline
