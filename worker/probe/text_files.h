#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Files of /proc and /sys, which may be missing.
namespace paceline::probe {

// Its first line; nullopt when it cannot be read or is empty.
std::optional<std::string> first_line(const std::filesystem::path& path);

// The value of the first line "key<spaces>:<spaces>value" (or "key=value", without quotes).
std::optional<std::string> find_value(const std::filesystem::path& path, std::string_view key,
                                      char separator);

std::vector<std::string> split_words(std::string_view text);

}  // namespace paceline::probe
