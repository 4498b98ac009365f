#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"

namespace paceline {

struct SubprocessOptions {
  std::vector<std::string> command;              // command[0] is a path or found on PATH.
  std::map<std::string, std::string> environment;  // Added to, or replacing, the parent's.
  std::optional<std::filesystem::path> folder;   // Working directory.
  std::optional<std::filesystem::path> output;   // Standard output and error are appended here.
  std::vector<std::pair<int, int>> descriptors;  // (ours, number in the child).
  std::optional<uid_t> user;                     // Drop to this user and group.
  std::optional<gid_t> group;
  // PR_SET_PDEATHSIG, set after the user changes. "Parent" is the thread that calls `start`.
  bool dies_with_parent = true;
  bool own_session = false;                      // setsid: outlives the terminal.
  std::optional<std::size_t> address_space_bytes_max;
};

// A child process. The destructor kills (SIGKILL) and reaps a child that still runs. One thread.
class Subprocess {
 public:
  // Throws `unavailable` with the command and the cause when the program cannot be started.
  static Subprocess start(const SubprocessOptions& options);
  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&& other) noexcept;
  ~Subprocess();

  pid_t pid() const { return pid_; }
  bool is_running();
  // How it ended, as waitpid's status; nullopt when it still runs after `timeout`.
  std::optional<int> wait(Duration timeout);
  int wait();
  void signal(int number);
  // SIGTERM, then SIGKILL after `grace`. Returns the status.
  int stop(Duration grace);
  pid_t release();  // No longer ours to reap.

 private:
  explicit Subprocess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// "exit 3", "killed by SIGSEGV".
std::string describe_wait_status(int status);

// The folder of the running program; its sibling programs are found there.
std::filesystem::path program_folder();

}  // namespace paceline
