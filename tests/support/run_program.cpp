#include "tests/support/run_program.h"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/subprocess.h"

namespace paceline::test {
namespace {

// In single quotes, for the shell.
std::string quote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

Ran run_program(const std::string& name, const std::vector<std::string>& arguments) {
  const char* folder = std::getenv("PACELINE_BIN_DIR");
  if (folder == nullptr) throw unavailable("PACELINE_BIN_DIR must name the folder of {}", name);
  const auto scratch =
      std::filesystem::temp_directory_path() / ("paceline-run-" + Digest::random().to_string());
  std::filesystem::create_directory(scratch);
  const auto out = scratch / "out", err = scratch / "err";
  std::string line = "unset PACELINE_STORE; exec " + quote(std::string(folder) + "/" + name);
  for (const std::string& argument : arguments) line += " " + quote(argument);
  line += " >" + quote(out.string()) + " 2>" + quote(err.string());
  Subprocess shell = Subprocess::start({.command = {"/bin/sh", "-c", line}});
  const int status = shell.wait();
  const Ran ran{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                .out = read_text_file(out),
                .err = read_text_file(err)};
  std::filesystem::remove_all(scratch);
  return ran;
}

}  // namespace paceline::test
