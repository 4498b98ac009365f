#include "scheduler/cost/family.h"

#include <gmock/gmock.h>

#include <cmath>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::Optional;

Workload workload(std::string_view text) { return parse_workload(text, ops::all_ops()); }

std::optional<std::string> family(std::string_view text) { return family_of(workload(text)); }

constexpr auto product = "matmul(f32[40,64], f32[64,32]) -> f32[40,32]";

TEST(Family, HasWhatDiffersInExtents) {
  EXPECT_EQ(family(product), family("matmul(f32[1,7], f32[7,9]) -> f32[1,9]"));
}

TEST(Family, TellsApartAttributesDtypesAndRanks) {
  for (const auto other : {"matmul(f32[40,64], f32[32,64], transpose_b=true) -> f32[40,32]",
                           "matmul(f64[40,64], f64[64,32]) -> f64[40,32]",
                           "matmul(f32[2,40,64], f32[64,32]) -> f32[2,40,32]"}) {
    EXPECT_NE(family(product), family(other)) << other;
  }
}

TEST(Family, KnowsOfRealsOnlyWhetherTheyAreZero) {
  const auto attention = [](double scale, double softcap) {
    return family(
        fmt::format("attention(f32[1,2,8,16], f32[1,2,8,16], f32[1,2,8,16], scale={}, "
                    "softcap={}) -> f32[1,2,8,16]",
                    scale, softcap));
  };
  EXPECT_EQ(attention(0.25, 0.0), attention(0.125, 0.0));
  EXPECT_NE(attention(0.25, 0.0), attention(0.25, 30.0));
}

TEST(Family, HasNoStridedOperands) {
  EXPECT_EQ(family("exp(f32[2,3]{1,2}) -> f32[2,3]"), std::nullopt);
}

class AxesOfProducts : public ::testing::Test {
 protected:
  std::vector<Workload> members_ = {
      workload("matmul(f32[40,64], f32[64,32]) -> f32[40,32]"),
      workload("matmul(f32[10,64], f32[64,16]) -> f32[10,16]"),
      workload("matmul(f32[10,128], f32[128,32]) -> f32[10,32]"),
  };
};

TEST_F(AxesOfProducts, AreEachExtentOnce) {
  const Axes axes(std::vector<const Workload*>{&members_[0], &members_[1], &members_[2]});
  EXPECT_THAT(axes.place_of(workload("matmul(f32[5,6], f32[6,7]) -> f32[5,7]")),
              Optional(ElementsAre(DoubleEq(std::log(5)), 0.3, DoubleEq(std::log(6)), 0.3,
                                   DoubleEq(std::log(7)), 0.3)));
}

TEST_F(AxesOfProducts, LeaveOutWhatAllShareAndRefuseWhatDiffersInIt) {
  const Axes axes(std::vector<const Workload*>{&members_[0], &members_[1]});
  EXPECT_THAT(axes.place_of(workload("matmul(f32[5,64], f32[64,7]) -> f32[5,7]")),
              Optional(ElementsAre(DoubleEq(std::log(5)), 0.3, DoubleEq(std::log(7)), 0.3)));
  EXPECT_EQ(axes.place_of(workload("matmul(f32[5,63], f32[63,7]) -> f32[5,7]")), std::nullopt);
}

TEST(Axes, RefuseExtentsThatDifferWhereAllMembersHaveEqualOnes) {
  const Workload small = workload("add(f32[8,8], f32[8,8]) -> f32[8,8]");
  const Workload large = workload("add(f32[64,64], f32[64,64]) -> f32[64,64]");
  const Axes axes(std::vector<const Workload*>{&small, &large});
  EXPECT_TRUE(axes.place_of(workload("add(f32[16,16], f32[16,16]) -> f32[16,16]")));
  EXPECT_EQ(axes.place_of(workload("add(f32[16,32], f32[16,32]) -> f32[16,32]")), std::nullopt);
}

TEST(Axes, TellWholeVectorsFromRemainders) {
  const Workload small = workload("exp(f32[8]) -> f32[8]");
  const Workload large = workload("exp(f32[64]) -> f32[64]");
  const Axes axes(std::vector<const Workload*>{&small, &large});
  EXPECT_THAT(axes.place_of(workload("exp(f32[32]) -> f32[32]")),
              Optional(ElementsAre(DoubleEq(std::log(32)), 0)));
  EXPECT_THAT(axes.place_of(workload("exp(f32[33]) -> f32[33]")),
              Optional(ElementsAre(DoubleEq(std::log(33)), 0.3)));
}

TEST(Axes, RefuseTheEmpty) {
  const Workload small = workload("exp(f32[8]) -> f32[8]");
  const Workload large = workload("exp(f32[64]) -> f32[64]");
  const Axes axes(std::vector<const Workload*>{&small, &large});
  EXPECT_EQ(axes.place_of(workload("exp(f32[0]) -> f32[0]")), std::nullopt);
}

}  // namespace
}  // namespace paceline
