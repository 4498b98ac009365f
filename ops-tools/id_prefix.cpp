#include "ops-tools/id_prefix.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/error.h"

namespace paceline {
namespace {

constexpr std::size_t short_length = 12;
constexpr std::size_t listed_max = 8;

std::string list_of(const std::vector<std::string>& ids) {
  std::string text;
  for (std::size_t i = 0; i < std::min(ids.size(), listed_max); ++i) {
    text += (i == 0 ? "" : ", ") + short_id(ids[i]);
  }
  if (ids.size() > listed_max) text += fmt::format(" and {} more", ids.size() - listed_max);
  return text;
}

}  // namespace

std::string short_id(const std::string& id) { return id.substr(0, short_length); }

const std::string& find_by_prefix(const std::vector<std::string>& ids, std::string_view text,
                                  std::string_view noun) {
  const auto begins = [&](const std::string& id) { return id.starts_with(text); };
  std::vector<std::string> found;
  std::ranges::copy_if(ids, std::back_inserter(found), begins);
  if (text.empty() || found.empty()) {
    if (ids.empty()) throw invalid("there is no {} yet: {}", noun, text);
    throw invalid("no {}'s id begins with this, there are {}: {}", noun, list_of(ids), text);
  }
  if (found.size() > 1) {
    throw invalid("the ids of {} {}s begin with this, give more of {}: {}", found.size(), noun,
                  list_of(found), text);
  }
  return *std::ranges::find_if(ids, begins);
}

}  // namespace paceline
