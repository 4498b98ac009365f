#include "common/base/settings.h"

#include <cctype>
#include <cstdlib>
#include <system_error>

#include <toml++/toml.h>

#include "common/base/error.h"
#include "common/base/file.h"

namespace paceline {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

void collect(const toml::table& table, const std::string& prefix, const std::string& file,
             Values& values) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      collect(*inner, key + ".", file, values);
    } else if (const auto text = node.value<std::string>()) {
      values.emplace(key, *text);
    } else if (const auto flag = node.value_exact<bool>()) {
      values.emplace(key, *flag ? "true" : "false");
    } else if (const auto integer = node.value_exact<std::int64_t>()) {
      values.emplace(key, std::to_string(*integer));
    } else if (const auto real = node.value_exact<double>()) {
      values.emplace(key, fmt::format("{}", *real));
    } else {
      throw invalid("setting must be a string, number or boolean: {} in {}", key, file);
    }
  }
}

// `emplace` keeps what is there: the file read first wins.
void collect_file(const std::filesystem::path& path, Values& values) {
  std::error_code missing;
  if (!std::filesystem::exists(path, missing)) return;
  try {
    collect(toml::parse(read_text_file(path), path.string()), "", path.string(), values);
  } catch (const toml::parse_error& error) {
    throw invalid("settings do not parse: {}:{}:{}: {}", path.string(), error.source().begin.line,
                  error.source().begin.column, error.description());
  }
}

std::optional<std::filesystem::path> user_configuration_folder() {
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder && *folder) return folder;
  if (const char* home = std::getenv("HOME"); home && *home) {
    return std::filesystem::path(home) / ".config";
  }
  return std::nullopt;
}

std::string variable_of(std::string_view key) {
  std::string name = "PACELINE_";
  for (const char c : key) {
    name +=
        c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

}  // namespace

Settings Settings::load() {
  Settings settings;
  collect_file("paceline.toml", settings.from_files_);
  if (const auto folder = user_configuration_folder()) {
    collect_file(*folder / "paceline" / "paceline.toml", settings.from_files_);
  }
  return settings;
}

std::optional<std::string> Settings::find(std::string_view key) const {
  if (const char* value = std::getenv(variable_of(key).c_str()); value && *value) return value;
  const auto found = from_files_.find(key);
  if (found == from_files_.end()) return std::nullopt;
  return found->second;
}

}  // namespace paceline
