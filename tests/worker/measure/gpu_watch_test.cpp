#include "worker/measure/gpu_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Optional;

TEST(ForeignWork, IsNotSeenOnAGpuThatRests) {
  EXPECT_EQ(foreign_work({}), std::nullopt);
  EXPECT_EQ(foreign_work({.busy_percent = {0}}), std::nullopt);
  // One pause of 0.32 ms in ten.
  EXPECT_EQ(foreign_work({.busy_percent = {3}, .paused_share = 0.032}), std::nullopt);
}

TEST(ForeignWork, IsNotWhatWasThereBeforeAndIsOver) {
  EXPECT_EQ(foreign_work({.busy_percent = {100, 100, 87, 41, 0}}), std::nullopt);
}

TEST(ForeignWork, IsAGpuThatStaysBusyWhileNothingIsAskedOfIt) {
  EXPECT_THAT(foreign_work({.busy_percent = {100, 100, 97, 100, 99, 100}}),
              Optional(HasSubstr("another process used the GPU: busy to 97 %")));
}

TEST(ForeignWork, IsAKernelThatHadToMakeRoom) {
  EXPECT_THAT(foreign_work({.busy_percent = {0}, .paused_share = 0.48}),
              Optional(HasSubstr(
                  "another process used the GPU: a kernel stood still for 48 % of its time")));
}

TEST(ForeignWork, IsNotLookedForWithoutAGpu) { EXPECT_EQ(foreign_work_on(1 << 20), std::nullopt); }

}  // namespace
}  // namespace paceline
