#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/subprocess.h"
#include "common/graph/measurement.h"
#include "worker/measure/message.h"
#include "worker/measure/progress.h"

namespace paceline {

// How a measuring child ended, and over which kernel.
struct ChildDeath {
  std::int32_t kernel = Progress::no_kernel;  // Index in the request.
  Outcome outcome = Outcome::crashed;         // crashed, timeout or out_of_memory.
  std::string reason;
};

// The parent's end of a measuring child: watches its steps, its memory and its life. The destructor
// ends the child. One thread.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;
    std::vector<int> cpus;  // As many as it may have threads.
    Duration step_time_max;
    std::int64_t memory_bytes_max = 0;                  // Resident.
    const std::atomic<bool>* is_interrupted = nullptr;  // Looked at while an answer is waited for.
  };

  // Throws `unavailable` when the program cannot be started or does not answer.
  explicit ChildProcess(Options options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  const message::Catalogue& catalogue() const { return catalogue_; }

  // Sends a request and waits for the answer; a death is told once, the child is gone after it.
  // Throws `unavailable` when it was interrupted; the child is gone then, too.
  std::variant<std::string, ChildDeath> ask(const std::string& request);

 private:
  ChildDeath killed(Outcome outcome, std::string reason);
  ChildDeath ended();
  std::optional<ChildDeath> overstepped();

  Options options_;
  Progress progress_;
  int socket_ = -1;
  std::optional<Subprocess> process_;
  message::FrameReader reader_;
  message::Catalogue catalogue_;
};

}  // namespace paceline
