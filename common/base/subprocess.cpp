#include "common/base/subprocess.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"

extern char** environ;

namespace paceline {
namespace {

using namespace std::chrono_literals;

std::string find_program(const std::string& name) {
  if (name.find('/') != name.npos) return name;
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable != nullptr ? variable : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return name;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!added.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
  }
  for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// What stopped the child before it became the program.
struct StartFailure {
  int cause;
  char step[28];
};

// Everything that the child needs, made before the fork: between fork and exec of a process with
// threads only async-signal-safe calls are allowed.
struct Launch {
  explicit Launch(const SubprocessOptions& given)
      : options(given),
        program(find_program(given.command.front())),
        environment(merged_environment(given.environment)),
        arguments(pointers(given.command)),
        variables(pointers(environment)),
        lifted(given.descriptors.size()),
        parent(::getpid()) {}

  const SubprocessOptions& options;
  std::string program;
  std::vector<std::string> environment;
  std::vector<char*> arguments;
  std::vector<char*> variables;
  std::vector<int> lifted;  // Room for the passed descriptors on their way to their numbers.
  pid_t parent;
};

[[noreturn]] void fail(int report, const char* step) {
  StartFailure failure{errno, {}};
  ::strncpy(failure.step, step, sizeof(failure.step) - 1);
  [[maybe_unused]] const auto written = ::write(report, &failure, sizeof(failure));
  ::_exit(127);
}

void redirect_output(const Launch& launch, int report) {
  if (!launch.options.output) return;
  const int file =
      ::open(launch.options.output->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) fail(report, "open output");
  if (::dup2(file, STDOUT_FILENO) < 0 || ::dup2(file, STDERR_FILENO) < 0) fail(report, "dup2");
}

// Lifts descriptors above all targets first, so that no target overwrites another's source.
void pass_descriptors(Launch& launch, int& report) {
  int above = report;
  for (const auto& [ours, theirs] : launch.options.descriptors) above = std::max(above, theirs);
  report = ::fcntl(report, F_DUPFD_CLOEXEC, above + 1);
  for (std::size_t i = 0; i < launch.lifted.size(); ++i) {
    launch.lifted[i] = ::fcntl(launch.options.descriptors[i].first, F_DUPFD_CLOEXEC, above + 1);
    if (launch.lifted[i] < 0) fail(report, "pass descriptor");
  }
  for (std::size_t i = 0; i < launch.lifted.size(); ++i) {
    if (::dup2(launch.lifted[i], launch.options.descriptors[i].second) < 0) fail(report, "dup2");
  }
}

void change_user(const Launch& launch, int report) {
  if (launch.options.group) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(*launch.options.group) != 0) {
      fail(report, "setgid");
    }
  }
  if (launch.options.user && ::setuid(*launch.options.user) != 0) fail(report, "setuid");
}

void bind_to_parent(const Launch& launch, int report) {
  if (!launch.options.dies_with_parent) return;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(report, "prctl");
  // The parent may have died before the signal was asked for.
  if (::getppid() != launch.parent) ::_exit(127);
}

void limit_memory(const Launch& launch, int report) {
  if (!launch.options.address_space_bytes_max) return;
  const rlim_t bytes = *launch.options.address_space_bytes_max;
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) fail(report, "setrlimit");
}

void reset_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become(Launch& launch, int report) {
  reset_signals();
  if (launch.options.own_session && ::setsid() < 0) fail(report, "setsid");
  redirect_output(launch, report);
  pass_descriptors(launch, report);
  change_user(launch, report);
  if (launch.options.folder && ::chdir(launch.options.folder->c_str()) != 0) fail(report, "chdir");
  limit_memory(launch, report);
  bind_to_parent(launch, report);
  ::execve(launch.program.c_str(), launch.arguments.data(), launch.variables.data());
  fail(report, "exec");
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Subprocess Subprocess::start(const SubprocessOptions& options) {
  check(!options.command.empty(), "a command");
  Launch launch(options);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) throw unavailable("pipe: {}", ::strerror(errno));
  const pid_t pid = ::fork();
  if (pid == 0) become(launch, report[1]);
  const int fork_cause = errno;
  ::close(report[1]);
  StartFailure failure{};
  ssize_t size = 0;
  if (pid > 0) {
    while ((size = ::read(report[0], &failure, sizeof(failure))) < 0 && errno == EINTR) {
    }
  }
  ::close(report[0]);
  if (pid < 0)
    throw unavailable("cannot start {}: fork: {}", launch.program, ::strerror(fork_cause));
  if (size == sizeof(failure)) {
    wait_for(pid);
    throw unavailable("cannot start {}: {}: {}", launch.program, failure.step,
                      ::strerror(failure.cause));
  }
  return Subprocess(pid);
}

Subprocess::Subprocess(Subprocess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

Subprocess::~Subprocess() {
  if (pid_ < 0 || status_) return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
}

bool Subprocess::is_running() { return !wait(Duration::zero()); }

std::optional<int> Subprocess::wait(Duration timeout) {
  check(pid_ > 0, "a process that is ours");
  const std::int64_t deadline_ns = monotonic_ns() + timeout.count();
  Duration pause = 200us;
  while (!status_) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status;
    } else if (monotonic_ns() >= deadline_ns) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(pause);
      pause = std::min<Duration>(2 * pause, 20ms);
    }
  }
  return status_;
}

int Subprocess::wait() {
  check(pid_ > 0, "a process that is ours");
  if (!status_) status_ = wait_for(pid_);
  return *status_;
}

void Subprocess::signal(int number) {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

int Subprocess::stop(Duration grace) {
  signal(SIGTERM);
  if (const auto status = wait(grace)) return *status;
  signal(SIGKILL);
  return wait();
}

pid_t Subprocess::release() { return std::exchange(pid_, -1); }

std::string describe_wait_status(int status) {
  if (WIFEXITED(status)) return fmt::format("exit {}", WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return fmt::format("status {}", status);
  const char* name = ::sigabbrev_np(WTERMSIG(status));
  if (name == nullptr) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("killed by SIG{}", name);
}

std::filesystem::path program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

}  // namespace paceline
