#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/subprocess.h"

namespace paceline::testing {

// Where the build under test put its programs.
inline std::filesystem::path binary_folder() {
  const char* folder = std::getenv("PACELINE_BIN_DIR");
  return folder != nullptr ? folder : program_folder().string();
}

struct Ended {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

// A program of the build with its outputs kept in `folder`.
class RunningProgram {
 public:
  RunningProgram(std::vector<std::string> command, const std::filesystem::path& folder,
                 std::map<std::string, std::string> environment)
      : output_(folder / ("output-" + std::to_string(++count_))),
        errors_(output_.string() + ".errors"),
        process_(start(std::move(command), std::move(environment))) {}

  Subprocess& process() { return process_; }
  std::string output() const { return read_text_file(output_); }
  std::string errors() const { return read_text_file(errors_); }
  Ended wait() {
    const int status = process_.wait();
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            read_text_file(output_), read_text_file(errors_)};
  }

 private:
  Subprocess start(std::vector<std::string> command,
                   std::map<std::string, std::string> environment) {
    command.front() = (binary_folder() / command.front()).string();
    const int output = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int errors = ::open(errors_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    SubprocessOptions options;
    options.command = std::move(command);
    options.environment = std::move(environment);
    options.descriptors = {{output, 1}, {errors, 2}};
    Subprocess process = Subprocess::start(options);
    ::close(output);
    ::close(errors);
    return process;
  }

  static inline int count_ = 0;
  std::filesystem::path output_;
  std::filesystem::path errors_;
  Subprocess process_;
};

}  // namespace paceline::testing
