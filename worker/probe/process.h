#pragma once

#include <cstdint>
#include <optional>

namespace paceline {

// This process, as the system accounts for it; nullopt where /proc does not say. Any thread.
std::optional<double> process_age_s();  // Since it was started, in steps of a clock tick (10 ms).
std::optional<std::int64_t> peak_resident_bytes();  // The pages of mapped files included.

}  // namespace paceline
