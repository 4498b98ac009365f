#include "common/base/time.h"

#include <fmt/core.h>
#include <time.h>

namespace paceline {
namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;

}  // namespace

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::int64_t monotonic_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * ns_per_second + time.tv_nsec;
}

std::string to_iso8601(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::int64_t to_unix_ns(Time time) { return time.time_since_epoch().count(); }

Time from_unix_ns(std::int64_t ns) { return Time(Duration(ns)); }

}  // namespace paceline
