#include "worker/probe/process.h"

#include <unistd.h>

#include <ctime>
#include <fstream>
#include <string>

#include "worker/probe/text_files.h"

namespace paceline {

namespace {

constexpr int start_field = 22;    // Of /proc/PID/stat, counted from 1 (proc(5)).
constexpr int fields_of_name = 2;  // The second stands in parentheses and may hold spaces.

}  // namespace

std::optional<double> process_age_s() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = probe::split_words(std::string_view(text).substr(name_end + 1));
  constexpr std::size_t index = start_field - fields_of_name - 1;
  timespec now{};
  if (fields.size() <= index || ::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return std::nullopt;
  const double started_s = std::stod(fields[index]) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - started_s;
}

std::optional<std::int64_t> peak_resident_bytes() {
  const auto kib = probe::find_value("/proc/self/status", "VmHWM", ':');
  if (!kib) return std::nullopt;
  return std::stoll(*kib) * 1024;
}

}  // namespace paceline
