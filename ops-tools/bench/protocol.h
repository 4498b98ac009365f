#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "ops-tools/bench/contestant.h"

namespace paceline::bench {

// The child's end. A line each way, answers are JSON objects:
//
//   (start)    {"version": "1.30.0", "settings": "...", "activation_bytes": 1234 or null,
//               "outputs": FILE.safetensors, ...}, or {"error": "..."} and the end
//   run 20     {"seconds": {"run": [0.001, ...]}}
//
// Standard input ends: the child does, too. What libraries print goes to standard error.
class Server {
 public:
  Server();  // Takes standard output for answers.

  void say(const nlohmann::json& answer) const;
  void serve(const std::function<Calls(int count)>& run) const;

 private:
  int answers_ = -1;
};

// Seconds of each of `count` calls, after a tenth as many and at least one that are not timed.
std::vector<double> time_calls(const std::function<void()>& call, int count);

// How much memory a first run takes: the peak of its time over what was there before, less what
// files came to back, such as weights that are read through a map. Exact when such pages are
// touched before; else too low where they come after the peak. `torch_peer.py` and `llama_peer.mjs`
// count in the same way.
class MemoryRise {
 public:
  MemoryRise();  // Hands free memory back to the system, and starts to watch.

  // Nullopt where the system does not tell.
  std::optional<std::int64_t> peak_bytes() const;

 private:
  std::optional<std::int64_t> resident_;
  std::optional<std::int64_t> file_;
  bool is_watched_ = false;
};

}  // namespace paceline::bench
