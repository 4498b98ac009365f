#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace paceline {

// Strict: one document, UTF-8, no name twice in an object. Throws `invalid` with `source` and the
// place.
nlohmann::json parse_json(std::string_view text, std::string_view source);

// For messages: one line, cut when long.
std::string print(const nlohmann::json& value);

}  // namespace paceline
