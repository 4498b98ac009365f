#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "common/base/error.h"
#include "scheduler/search/best_first.h"

namespace paceline::search {
namespace {

constexpr std::string_view version = "paths/1";

Error refused(std::string_view text, std::string_view why) {
  constexpr std::size_t shown_max = 100;
  return invalid("no cursor, {} (as in \"{} DIGEST next=0 step=1\"): \"{}\"", why, version,
                 text.substr(0, shown_max));
}

// Takes the text up to the next space, and that space.
std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::optional<std::uint64_t> number_after(std::string_view label, std::string_view word) {
  if (!word.starts_with(label)) return std::nullopt;
  word.remove_prefix(label.size());
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failure != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string Cursor::to_text() const {
  return fmt::format("{} {} next={} step={}", version, space.to_string(), next, step);
}

Cursor Cursor::parse(std::string_view text) {
  std::string_view rest = text;
  if (take_word(rest) != version) throw refused(text, "it is of another version or none at all");
  const auto space = Digest::parse(take_word(rest));
  if (!space) throw refused(text, "the digest has 32 hexadecimal digits");
  const auto next = number_after("next=", take_word(rest));
  const auto step = number_after("step=", rest);
  if (!next || !step) throw refused(text, "next and step are numbers below 2^64");
  if (*step == 0) throw refused(text, "the step is at least 1");
  Cursor cursor{*space, *next, *step};
  // One way to write each cursor, so that stored ones compare as text.
  if (cursor.to_text() != text) throw refused(text, "it is not written the one way");
  return cursor;
}

std::vector<Cursor> Cursor::split(std::uint64_t parts) const {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  if (parts == 0 || parts > 1'000'000) {
    throw invalid("a cursor splits into 1 to 1000000 parts: {}", parts);
  }
  if (step > most / parts || next > most - step * parts) {
    throw invalid("a cursor at next={} step={} cannot be split into {} parts: places end at 2^64",
                  next, step, parts);
  }
  std::vector<Cursor> result;
  for (std::uint64_t i = 0; i < parts; ++i)
    result.push_back({space, next + i * step, step * parts});
  return result;
}

}  // namespace paceline::search
