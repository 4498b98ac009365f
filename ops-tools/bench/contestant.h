#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/base/subprocess.h"

namespace paceline::bench {

// How a runtime is started that answers by `protocol.h`.
struct Launch {
  std::string peer;  // "paceline", "ort", "torch", "llama".
  std::string form;  // What tells it from other ways to run the same peer; may be empty.
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
};

// Seconds of each call, by phase: "run", or "prefill" and "decode".
using Calls = std::map<std::string, std::vector<double>>;

// The parent's end of one runtime in a process of its own, which lives from the first round to the
// last. A runtime that dies, hangs or answers wrongly has failed, with the reason; whoever fails is
// gone. The destructor ends the process. One thread.
class Contestant {
 public:
  // Starts it and waits until it is ready. `folder` takes what it writes to standard error.
  // `is_stopped` may be null; whoever is waited for when it becomes true has failed.
  Contestant(Launch launch, const std::filesystem::path& folder, double answer_seconds_max,
             std::function<bool()> is_stopped = {});
  ~Contestant();
  Contestant(Contestant&& other) noexcept;
  Contestant& operator=(Contestant&&) = delete;

  const Launch& launch() const { return launch_; }
  // What it said of itself: version, settings, activation_bytes, outputs (a file).
  const nlohmann::json& ready() const;
  // One warm-up and `count` timed calls. Nullopt: it has failed.
  std::optional<Calls> run(int count);

  bool has_failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }  // "died: killed by SIGKILL".
  pid_t pid() const;

 private:
  std::optional<nlohmann::json> answer();
  std::optional<std::string> read_line();
  void fail(std::string reason);
  void fail_by_end();
  std::string last_words() const;

  Launch launch_;
  std::filesystem::path errors_;
  double answer_seconds_max_;
  std::function<bool()> is_stopped_;
  int to_child_ = -1;
  int from_child_ = -1;
  std::string buffer_;
  std::optional<Subprocess> process_;
  std::unique_ptr<nlohmann::json> ready_;
  std::string failure_;
};

}  // namespace paceline::bench
