#include "scheduler/report/html.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace paceline::report {

namespace {

constexpr std::string_view absent = "–";
constexpr std::string_view replacement = "\xEF\xBF\xBD";

// The length of the character at the start of `text` when it is valid UTF-8 and allowed in XML,
// else 0.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 || lead == '\t' || lead == '\n' ? (lead == 0x7F ? 0 : 1) : 0;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  std::uint32_t code = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = code << 6U | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> least = {0, 0, 0xA0, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  // Controls that turn the direction of text would show names as what they are not.
  const bool turns = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  const bool is_allowed = code >= least[length] && code <= 0x10FFFF && code != 0xFFFE &&
                          code != 0xFFFF && !is_surrogate && !turns;
  return is_allowed ? length : 0;
}

std::string scaled(double value, const std::array<const char*, 4>& units, double step) {
  std::size_t unit = 0;
  while (unit + 1 < units.size() && std::abs(value) >= step * 0.9995) {
    value /= step;
    ++unit;
  }
  return fmt::format("{:.3g} {}", value, units[unit]);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    switch (length == 1 ? text[0] : '\0') {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += length == 0 ? replacement : text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

std::string power_text(std::optional<double> log10, bool is_at_least) {
  if (!finite(log10)) return "–";
  const std::string number = *log10 < 6 ? count_text(std::llround(std::pow(10, *log10)))
                                        : fmt::format("10<sup>{:.2f}</sup>", *log10);
  return (is_at_least ? "≥ " : "") + number;
}

std::optional<double> finite(std::optional<double> value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string seconds_text(std::optional<double> seconds) {
  if (!finite(seconds)) return std::string(absent);
  return scaled(*seconds * 1e9, {"ns", "µs", "ms", "s"}, 1000);
}

std::string bytes_text(std::int64_t bytes) {
  return scaled(static_cast<double>(bytes), {"B", "kB", "MB", "GB"}, 1000);
}

std::string count_text(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string percent_text(std::optional<double> fraction) {
  return finite(fraction) ? fmt::format("{:.3g} %", *fraction * 100) : std::string(absent);
}

std::string ratio_text(std::optional<double> value) {
  return finite(value) ? fmt::format("{:.2g}", *value) : std::string(absent);
}

}  // namespace paceline::report
