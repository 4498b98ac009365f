#pragma once

#include <functional>
#include <string>

namespace paceline {

// The time of one sample, and what disturbed it: empty when nothing did.
struct TimedSample {
  double seconds = 0;
  std::string disturbance;
};

// Times `run` and tells whether the threads of this process were taken off their cores meanwhile:
// with one thread by its own CPU clock, with several by the involuntary context switches.
TimedSample time_sample(const std::function<void()>& run, int threads);

}  // namespace paceline
