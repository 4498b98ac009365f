#include "common/base/log.h"

#include <array>
#include <memory>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/base/error.h"

namespace paceline::log {
namespace {

constexpr std::array<std::pair<std::string_view, Level>, 5> level_names = {{
    {"debug", Level::debug},
    {"info", Level::info},
    {"warning", Level::warning},
    {"error", Level::error},
    {"off", Level::off},
}};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      break;
  }
  return spdlog::level::off;
}

void set_pattern(spdlog::logger& logger, std::string_view program) {
  logger.set_pattern(fmt::format("%Y-%m-%dT%H:%M:%S.%fZ %l {}[%P] %v", program),
                     spdlog::pattern_time_type::utc);
}

// The one singleton of the project.
spdlog::logger& logger() {
  static const std::unique_ptr<spdlog::logger> instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto made = std::make_unique<spdlog::logger>("paceline", std::move(sink));
    made->set_level(spdlog::level::warn);
    made->flush_on(spdlog::level::debug);
    set_pattern(*made, "paceline");
    return made;
  }();
  return *instance;
}

// Bare when it reads as one word; otherwise quoted, so that a field stays one field on one line.
void append_value(std::string& line, std::string_view value) {
  if (!value.empty() && value.find_first_of(" \t\r\n\"=") == value.npos) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n' || c == '\r') {
      line += "\\n";
    } else {
      line += c;
    }
  }
  line += '"';
}

void write(spdlog::level::level_enum level, std::string_view event, Fields fields) {
  if (!logger().should_log(level)) return;
  std::string line(event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value);
  }
  logger().log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void set_level(Level level) { logger().set_level(to_spdlog(level)); }

Level parse_level(std::string_view name) {
  for (const auto& [known, level] : level_names) {
    if (known == name) return level;
  }
  throw invalid("log level must be debug, info, warning, error or off: {}", name);
}

void set_program(std::string_view name) { set_pattern(logger(), name); }

void debug(std::string_view event, Fields fields) { write(spdlog::level::debug, event, fields); }
void info(std::string_view event, Fields fields) { write(spdlog::level::info, event, fields); }
void warning(std::string_view event, Fields fields) { write(spdlog::level::warn, event, fields); }
void error(std::string_view event, Fields fields) { write(spdlog::level::err, event, fields); }

}  // namespace paceline::log
