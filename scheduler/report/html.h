#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paceline::report {

// For element content and quoted attributes. Bytes that are no UTF-8 and characters that XML does
// not know become U+FFFD.
std::string escaped(std::string_view text);

// For people: "12.3 µs", "4.19 MB", "1,234"; an en dash for what is absent or not finite.
std::string seconds_text(std::optional<double> seconds);
std::string bytes_text(std::int64_t bytes);
std::string count_text(std::int64_t count);
std::string percent_text(std::optional<double> fraction);
std::string ratio_text(std::optional<double> value);  // "1.2e-06"
// Of a decimal logarithm: "512", "10<sup>17.42</sup>"; HTML.
std::string power_text(std::optional<double> log10, bool is_at_least);

// Finite or nothing.
std::optional<double> finite(std::optional<double> value);

}  // namespace paceline::report
