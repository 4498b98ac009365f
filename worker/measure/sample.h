#pragma once

#include <functional>
#include <string>

namespace paceline {

// The time of one sample, and what disturbed it: empty when nothing did.
struct TimedSample {
  double seconds = 0;
  std::string disturbance;
};

// Times `run` and tells whether the threads of this process had to wait for their cores meanwhile:
// by the scheduler's account of each thread's waiting, and with one thread also by its own CPU
// clock, which stands still while a hypervisor runs others.
TimedSample time_sample(const std::function<void()>& run, int threads);

}  // namespace paceline
