#include "ops-tools/bench/protocol.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include <malloc.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/time.h"
#include "worker/probe/text_files.h"

namespace paceline::bench {
namespace {

// "VmRSS:  123 kB" of this process.
std::optional<std::int64_t> status_bytes(std::string_view key) {
  const auto value = probe::find_value("/proc/self/status", key, ':');
  if (!value) return std::nullopt;
  return std::stoll(*value) * 1024;
}

}  // namespace

Server::Server() : answers_(::dup(STDOUT_FILENO)) { ::dup2(STDERR_FILENO, STDOUT_FILENO); }

void Server::say(const nlohmann::json& answer) const {
  const std::string line = answer.dump() + "\n";
  std::size_t written = 0;
  while (written < line.size()) {
    const auto size = ::write(answers_, line.data() + written, line.size() - written);
    if (size <= 0) throw unavailable("the benchmark's parent is gone");
    written += size;
  }
}

void Server::serve(const std::function<Calls(int count)>& run) const {
  std::string word;
  int count = 0;
  while (std::cin >> word >> count) {
    if (word != "run" || count < 1) throw invalid("unknown request: {} {}", word, count);
    say({{"seconds", run(count)}});
  }
}

std::vector<double> time_calls(const std::function<void()>& call, int count) {
  for (int i = 0; i < 1 + count / 10; ++i) call();
  std::vector<double> seconds(count);
  for (double& taken : seconds) {
    const std::int64_t start_ns = monotonic_ns();
    call();
    taken = 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
  }
  return seconds;
}

MemoryRise::MemoryRise() {
  ::malloc_trim(0);
  resident_ = status_bytes("VmRSS");
  file_ = status_bytes("RssFile");
  std::ofstream clear("/proc/self/clear_refs");
  is_watched_ = static_cast<bool>(clear << "5" << std::flush);  // Resets the peak, see proc(5).
}

std::optional<std::int64_t> MemoryRise::peak_bytes() const {
  const auto peak = status_bytes("VmHWM"), file = status_bytes("RssFile");
  if (!is_watched_ || !peak || !file || !resident_ || !file_) return std::nullopt;
  const std::int64_t file_rise = std::max<std::int64_t>(*file - *file_, 0);
  return std::max<std::int64_t>(*peak - *resident_ - file_rise, 0);
}

}  // namespace paceline::bench
