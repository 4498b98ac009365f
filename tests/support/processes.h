#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <thread>

#include "common/base/time.h"
#include "tests/support/running_program.h"

namespace paceline::testing {

// True as soon as `is_true` is, false when it still is not after `limit`.
inline bool eventually(Duration limit, const std::function<bool()>& is_true) {
  const auto deadline = monotonic_ns() + limit.count();
  while (!is_true()) {
    if (monotonic_ns() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

using Processes = std::map<std::string, std::string>;  // Command lines by process id.

// Processes of this build's programs, and those whose command names `folder`.
inline Processes running_processes(const std::filesystem::path& folder) {
  Processes found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::error_code gone;
    const auto program = std::filesystem::read_symlink(entry.path() / "exe", gone);
    if (gone || entry.path().filename() == std::to_string(::getpid())) continue;
    std::ifstream file(entry.path() / "cmdline");
    const std::string command{std::istreambuf_iterator<char>(file), {}};
    const bool is_ours = program.parent_path() == std::filesystem::canonical(binary_folder()) &&
                         program.filename().string().starts_with("paceline");
    if (is_ours || command.find(folder.string()) != std::string::npos) {
      found[entry.path().filename()] = command;
    }
  }
  return found;
}

inline Processes processes_since(const Processes& before, const std::filesystem::path& folder) {
  Processes running = running_processes(folder);
  std::erase_if(running, [&](const auto& process) { return before.contains(process.first); });
  return running;
}

}  // namespace paceline::testing
