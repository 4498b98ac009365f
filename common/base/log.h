#pragma once

#include <fmt/core.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace paceline::log {

// One line is one event: a name that never varies, then fields.
//   log::info("lease-granted", {{"lease", id}, {"worker", name}, {"tasks", n}});
// Goes to standard error. Any thread.
struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view key, std::string value) : key(key), value(std::move(value)) {}
  Field(std::string_view key, std::string_view value) : key(key), value(value) {}
  Field(std::string_view key, const char* value) : key(key), value(value) {}
  template <typename T>
    requires requires(const T& value) { value.to_string(); }
  Field(std::string_view key, const T& value) : key(key), value(value.to_string()) {}
  template <typename T>
    requires std::is_arithmetic_v<T>
  Field(std::string_view key, T value) : key(key), value(fmt::format("{}", value)) {}
};
using Fields = std::initializer_list<Field>;

enum class Level { debug, info, warning, error, off };

void set_level(Level level);            // Default: warning for command lines; daemons set info.
Level parse_level(std::string_view name);  // Throws `invalid`.
void set_program(std::string_view name);   // Shown on each line.

void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warning(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

}  // namespace paceline::log
