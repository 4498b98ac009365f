#include "worker/measure/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/measure/child.h"
#include "worker/probe/text_files.h"

namespace paceline {
namespace {

// How often the child is looked at: seldom enough not to disturb it.
constexpr int look_every_ms = 20;

bool is_readable_soon(int socket) {
  pollfd entry{.fd = socket, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, look_every_ms) > 0;
}

std::int64_t resident_bytes(pid_t pid) {
  const auto line = probe::first_line(fmt::format("/proc/{}/statm", pid));
  const auto words = probe::split_words(line.value_or(""));
  return words.size() > 1 ? std::stoll(words[1]) * ::sysconf(_SC_PAGESIZE) : 0;
}

double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

ChildProcess::ChildProcess(Options options)
    : options_(std::move(options)), progress_(Progress::create()) {
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw unavailable("cannot make a socket for a child: {}", std::strerror(errno));
  }
  socket_ = ends[0];
  try {
    process_ = Subprocess::start(
        {.command = options_.command,
         .descriptors = {{ends[1], child_socket}, {progress_.descriptor(), child_progress}},
         .own_session = true});
  } catch (const Error&) {
    ::close(ends[1]);
    ::close(socket_);
    throw;
  }
  ::close(ends[1]);
  auto answer = ask(message::write(message::Setup{options_.cpus}));
  if (const auto* death = std::get_if<ChildDeath>(&answer)) {
    ::close(socket_);
    throw unavailable("the measuring child does not start: {}: {}", options_.command.front(),
                      death->reason);
  }
  catalogue_ = message::read_catalogue(std::get<std::string>(answer));
}

// Hanging up ends an idle child; the subprocess's destructor ends a busy one.
ChildProcess::~ChildProcess() { ::close(socket_); }

std::variant<std::string, ChildDeath> ChildProcess::ask(const std::string& request) {
  progress_.begin_step(Progress::no_kernel);
  if (!message::send_frame(socket_, request)) return ended();
  std::string body;
  while (!reader_.take(body)) {
    if (is_readable_soon(socket_)) {
      if (!reader_.receive(socket_)) return ended();
    } else if (options_.is_interrupted != nullptr && *options_.is_interrupted) {
      killed(Outcome::crashed, "");
      throw unavailable("the sitting was interrupted");
    } else if (auto death = overstepped()) {
      return *std::move(death);
    }
  }
  return body;
}

std::optional<ChildDeath> ChildProcess::overstepped() {
  if (progress_.since_step_began() > options_.step_time_max) {
    return killed(Outcome::timeout, fmt::format("took longer than {} s in one step",
                                                to_seconds(options_.step_time_max)));
  }
  const std::int64_t resident = resident_bytes(process_->pid());
  if (resident > options_.memory_bytes_max) {
    return killed(Outcome::out_of_memory, fmt::format("took {} bytes of memory, {} are allowed",
                                                      resident, options_.memory_bytes_max));
  }
  return std::nullopt;
}

ChildDeath ChildProcess::killed(Outcome outcome, std::string reason) {
  process_->signal(SIGKILL);
  process_->wait();
  return {progress_.kernel(), outcome, std::move(reason)};
}

// SIGKILL that is not ours is the system's answer to a lack of memory.
ChildDeath ChildProcess::ended() {
  const int status = process_->wait();
  const bool by_system = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (WIFEXITED(status) && WEXITSTATUS(status) == child_lost_its_device) {
    return {progress_.kernel(), Outcome::crashed, "the GPU's context died"};
  }
  return {progress_.kernel(), by_system ? Outcome::out_of_memory : Outcome::crashed,
          describe_wait_status(status)};
}

}  // namespace paceline
