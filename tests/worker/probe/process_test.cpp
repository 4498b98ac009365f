#include "worker/probe/process.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace paceline {
namespace {

TEST(Process, GrowsOlderAsTimePasses) {
  const auto before = process_age_s();
  ASSERT_TRUE(before);
  EXPECT_GE(*before, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GE(process_age_s().value() - *before, 0.05);
}

TEST(Process, RemembersTheMostThatWasResident) {
  constexpr std::int64_t bytes = 64 << 20;
  const auto before = peak_resident_bytes();
  ASSERT_TRUE(before);
  { const std::vector<char> touched(bytes + *before, 1); }
  EXPECT_GE(peak_resident_bytes().value(), bytes + *before);
}

}  // namespace
}  // namespace paceline
