#include <gmock/gmock.h>

#include <map>

#include "common/ops/all_ops.h"
#include "scheduler/placement/placed_path.h"

namespace paceline::placement {
namespace {

constexpr std::int64_t kib = 1 << 10, gib = std::int64_t{1} << 30;

// A link of 50 GB/s to the GPU alone, measured.
class Link : public CostSource {
 public:
  std::optional<Estimate> estimate(const KernelInfo&, const Workload& workload) override {
    asked = workload.inputs.at(0).size_bytes();
    if (workload.attributes.get<std::string>("to") != "cuda") {
      return Estimate{.seconds = 1, .origin = Origin::roofline};
    }
    return Estimate{.seconds = static_cast<double>(asked) / 50e9, .origin = Origin::interpolated};
  }
  std::optional<std::string> failure(const KernelInfo&, const Workload&) override {
    return std::nullopt;
  }

  std::int64_t asked = 0;
};

class Transfer : public testing::Test {
 protected:
  double seconds(std::int64_t bytes, DeviceKind to = DeviceKind::cuda) {
    return transfer_time(kernels_, link_)(bytes, to);
  }

  Link link_;
  const std::vector<KernelInfo> kernels_ = {
      {.name = "plain", .op = "transfer", .accepts = {.dtypes = {Dtype::f64}}},
      {.name = "to_device",
       .op = "transfer",
       .device = DeviceKind::cuda,
       .accepts = {.dtypes = {Dtype::f64}}}};
};

TEST_F(Transfer, IsPricedByTheCurveOfItsLink) {
  EXPECT_NEAR(seconds(64 << 20), (64 << 20) / 50e9, 1e-5);
  EXPECT_GT(seconds(64 << 20), (64 << 20) / 50e9);
  // Sizes that were not timed: of the nearest, and in proportion.
  seconds(4);
  EXPECT_EQ(link_.asked, 4 * kib);
  seconds(100'001);
  EXPECT_EQ(link_.asked % 128, 0);
  EXPECT_GE(link_.asked, 100'001);
  EXPECT_NEAR(seconds(20 * gib), static_cast<double>(20 * gib) / 50e9, 1e-3);
}

TEST_F(Transfer, IsGuessedWhereNobodyTimedIt) {
  EXPECT_EQ(seconds(1 << 20, DeviceKind::cpu), guessed_transfer_s(1 << 20));
}

TEST_F(Transfer, OfALinkAreTimedFourTimesAsLargeEach) {
  const std::vector<Workload> curve = links();
  ASSERT_EQ(curve.size(), 20u);
  EXPECT_EQ(curve.front().inputs[0].size_bytes(), 4 * kib);
  EXPECT_EQ(curve.back().inputs[0].size_bytes(), gib);
  for (std::size_t i = 2; i < curve.size(); ++i) {
    EXPECT_EQ(curve[i].inputs[0].size_bytes(), 4 * curve[i - 2].inputs[0].size_bytes());
  }
}

}  // namespace
}  // namespace paceline::placement
