#include <gtest/gtest.h>

#include "common/base/time.h"

namespace paceline {
namespace {

TEST(Time, IsWrittenInUtcWithNanoseconds) {
  EXPECT_EQ(to_iso8601(from_unix_ns(0)), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(to_iso8601(from_unix_ns(1795222923'000000004)), "2026-11-21T01:02:03.000000004Z");
  EXPECT_EQ(to_iso8601(from_unix_ns(-1)), "1969-12-31T23:59:59.999999999Z");
}

TEST(Time, ReadsBackFromUnixNanoseconds) {
  const Time time = now();
  EXPECT_EQ(from_unix_ns(to_unix_ns(time)), time);
}

TEST(MonotonicNs, NeverGoesBack) {
  std::int64_t last = monotonic_ns();
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t next = monotonic_ns();
    EXPECT_LE(last, next);
    last = next;
  }
}

}  // namespace
}  // namespace paceline
