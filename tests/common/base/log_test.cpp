#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/log.h"

namespace paceline::log {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string logged(auto&& call) {
  testing::internal::CaptureStderr();
  call();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesAnEventWithItsFieldsOnOneLine) {
  const std::string line = logged([] {
    warning("lease-granted", {{"worker", "a b"}, {"tasks", 3}, {"note", "two\nlines"}});
  });
  EXPECT_THAT(line, HasSubstr("lease-granted worker=\"a b\" tasks=3 note=\"two\\nlines\"\n"));
}

TEST(Log, IsSilentBelowItsLevel) {
  EXPECT_THAT(logged([] { info("lease-granted"); }), IsEmpty());
  set_level(Level::info);
  EXPECT_THAT(logged([] { info("lease-granted"); }), HasSubstr("lease-granted"));
  set_level(Level::warning);
}

TEST(Log, RefusesALevelThatItDoesNotKnow) {
  EXPECT_EQ(parse_level("debug"), Level::debug);
  EXPECT_THROW(parse_level("loud"), Error);
}

}  // namespace
}  // namespace paceline::log
