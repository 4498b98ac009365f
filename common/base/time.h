#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace paceline {

// Wall-clock time with nanoseconds, UTC. Logic gets it as an argument; only loops in daemons and
// `main` call `now()`.
using Duration = std::chrono::nanoseconds;
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

Time now();

// Monotonic nanoseconds for intervals; its zero means nothing.
std::int64_t monotonic_ns();

std::string to_iso8601(Time time);  // "2026-11-21T01:02:03.000000004Z"
std::int64_t to_unix_ns(Time time);
Time from_unix_ns(std::int64_t ns);

}  // namespace paceline
