#include "ops-tools/bench/contestant.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/time.h"

namespace paceline::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t last_words_max = 300;
constexpr std::int64_t look_up_ms = 100;  // How often a wait looks whether it is to stop.
constexpr auto seconds_to_die = 5s;

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw unavailable("pipe: {}", std::strerror(errno));
  return ends;
}

// A pipe whose reader died must not end us.
bool write_line(int file, const std::string& line) {
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  const auto written = ::write(file, line.data(), line.size());
  ::sigaction(SIGPIPE, &before, nullptr);
  return written == static_cast<ssize_t>(line.size());
}

// Nullopt unless every phase has times, all above 0.
std::optional<Calls> read_calls(const nlohmann::json& said) {
  const auto found = said.find("seconds");
  if (found == said.end() || !found->is_object() || found->empty()) return std::nullopt;
  Calls calls;
  for (const auto& [phase, seconds] : found->items()) {
    if (!seconds.is_array() || seconds.empty()) return std::nullopt;
    for (const auto& taken : seconds) {
      if (!taken.is_number() || !(taken.get<double>() > 0)) return std::nullopt;
      calls[phase].push_back(taken.get<double>());
    }
  }
  return calls;
}

}  // namespace

Contestant::Contestant(Launch launch, const std::filesystem::path& folder,
                       double answer_seconds_max, std::function<bool()> is_stopped)
    : launch_(std::move(launch)),
      answer_seconds_max_(answer_seconds_max),
      is_stopped_(std::move(is_stopped)),
      ready_(std::make_unique<nlohmann::json>()) {
  static int count = 0;
  errors_ = folder / fmt::format("{}-{}.errors", launch_.peer, ++count);
  const auto requests = make_pipe();
  const auto answers = make_pipe();
  const int errors = ::open(errors_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  to_child_ = requests[1];
  from_child_ = answers[0];
  try {
    process_ = Subprocess::start(
        {.command = launch_.command,
         .environment = launch_.environment,
         .descriptors = {
             {requests[0], STDIN_FILENO}, {answers[1], STDOUT_FILENO}, {errors, STDERR_FILENO}}});
  } catch (const Error& error) {
    failure_ = error.what();
  }
  for (const int ours : {requests[0], answers[1], errors}) ::close(ours);
  if (has_failed()) return;
  if (auto said = answer()) *ready_ = std::move(*said);
}

Contestant::Contestant(Contestant&& other) noexcept
    : launch_(std::move(other.launch_)),
      errors_(std::move(other.errors_)),
      answer_seconds_max_(other.answer_seconds_max_),
      is_stopped_(std::move(other.is_stopped_)),
      to_child_(std::exchange(other.to_child_, -1)),
      from_child_(std::exchange(other.from_child_, -1)),
      buffer_(std::move(other.buffer_)),
      process_(std::exchange(other.process_, std::nullopt)),
      ready_(std::move(other.ready_)),
      failure_(std::move(other.failure_)) {}

Contestant::~Contestant() {
  if (to_child_ >= 0) ::close(to_child_);
  if (from_child_ >= 0) ::close(from_child_);
}

const nlohmann::json& Contestant::ready() const { return *ready_; }

pid_t Contestant::pid() const { return process_ ? process_->pid() : -1; }

std::optional<Calls> Contestant::run(int count) {
  if (has_failed()) return std::nullopt;
  // A peer that died since is told as such by the answer that does not come.
  write_line(to_child_, fmt::format("run {}\n", count));
  const auto said = answer();
  if (!said) return std::nullopt;
  auto calls = read_calls(*said);
  if (!calls) fail("answered without times: " + said->dump());
  return calls;
}

std::optional<nlohmann::json> Contestant::answer() {
  const auto line = read_line();
  if (!line) return std::nullopt;
  auto said = nlohmann::json::parse(*line, nullptr, /*allow_exceptions=*/false);
  if (!said.is_object()) {
    fail("answered with what is no JSON object: " + line->substr(0, last_words_max));
    return std::nullopt;
  }
  if (said.contains("error")) {
    fail(said["error"].is_string() ? said["error"].get<std::string>() : said["error"].dump());
    return std::nullopt;
  }
  return said;
}

std::optional<std::string> Contestant::read_line() {
  const std::int64_t deadline_ns =
      monotonic_ns() + static_cast<std::int64_t>(answer_seconds_max_ * 1e9);
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    const std::int64_t left_ms = (deadline_ns - monotonic_ns()) / 1000000;
    if (left_ms <= 0) {
      fail(fmt::format("gave no answer in {} s", answer_seconds_max_));
      return std::nullopt;
    }
    if (is_stopped_ && is_stopped_()) {
      fail("was stopped");
      return std::nullopt;
    }
    pollfd entry{.fd = from_child_, .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, static_cast<int>(std::min(left_ms, look_up_ms))) <= 0) {
      continue;
    }
    std::array<char, 65536> chunk;
    const auto size = ::read(from_child_, chunk.data(), chunk.size());
    if (size > 0) {
      buffer_.append(chunk.data(), size);
    } else if (size == 0 || errno != EINTR) {
      fail_by_end();
      return std::nullopt;
    }
  }
}

// It closed its standard output, and that is to die.
void Contestant::fail_by_end() {
  const auto status = process_->wait(seconds_to_die);
  const std::string words = last_words();
  fail((status ? "died: " + describe_wait_status(*status)
               : std::string("closed its standard output and lived on")) +
       (words.empty() ? "" : ": " + words));
}

void Contestant::fail(std::string reason) {
  failure_ = std::move(reason);
  if (process_) {
    process_->signal(SIGKILL);
    process_->wait();
  }
}

// The last line that it wrote to standard error.
std::string Contestant::last_words() const {
  std::string text = read_text_file(errors_);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const auto start = text.rfind('\n');
  if (start != std::string::npos) text.erase(0, start + 1);
  return text.substr(0, last_words_max);
}

}  // namespace paceline::bench
