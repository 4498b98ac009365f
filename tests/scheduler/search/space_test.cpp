#include "scheduler/search/space.h"

#include <gmock/gmock.h>

#include <limits>

#include "common/base/error.h"

namespace paceline::search {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "";
}

// 0 reads 1 and 2, both of which read 3.
Space diamond() { return {{{{1, {1, 2}}}, {{2, {3}}, {9, {}}}, {{4, {3}}}, {{8, {}}}}, {0}}; }

TEST(Space, PaysWhatIsSharedOnce) {
  const Solution path = follow(diamond(), std::vector<std::int32_t>{0, 0, 0, 0});
  EXPECT_EQ(path.cost_s, 15);
  EXPECT_THAT(path.chosen, ElementsAre(0, 0, 0, 0));
}

TEST(Space, PaysNothingForWhatIsNotReached) {
  Space space = diamond();
  space.roots = {1};
  const Solution path = follow(space, std::vector<std::int32_t>{0, 1, 0, 0});
  EXPECT_EQ(path.cost_s, 9);
  EXPECT_THAT(path.chosen, ElementsAre(-1, 1, -1, -1));
}

TEST(Space, RefusesWhatIsNoPath) {
  const auto follows = [](Space space, std::vector<std::int32_t> preferred) {
    return refusal([&] { follow(space, preferred); });
  };
  EXPECT_THAT(follows(diamond(), {0, 2, 0, 0}), HasSubstr("class 1 is reached and has 2"));
  EXPECT_THAT(follows(diamond(), {0, 0, -1, 0}), HasSubstr("not number -1"));
  EXPECT_THAT(follows(diamond(), {0, 0}), HasSubstr("4 classes: 2"));
  EXPECT_THAT(follows({{{{1, {1}}}, {{1, {0}}}}, {0}}, {0, 0}), HasSubstr("class 0 reads itself"));
}

TEST(Space, RefusesWhatIsMalformed) {
  const auto reason = [](const Space& space) { return refusal([&] { validate(space); }); };
  EXPECT_EQ(reason(diamond()), "");
  EXPECT_THAT(reason({}), HasSubstr("needs a root"));
  EXPECT_THAT(reason({{{{1, {}}}}, {1}}), HasSubstr("root 1 is no class: there are 1"));
  EXPECT_THAT(reason({{{{1, {}}}}, {-1}}), HasSubstr("root -1"));
  EXPECT_THAT(reason({{{{1, {7}}}}, {0}}), HasSubstr("alternative 0 of class 0 reads class 7"));
  for (const double cost : {-1.0, 1e7, std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(reason({{{{1, {}}, {cost, {}}}}, {0}}), HasSubstr("in alternative 1 of class 0"));
  }
}

}  // namespace
}  // namespace paceline::search
