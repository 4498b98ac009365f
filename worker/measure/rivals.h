#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/graph/measurement.h"
#include "worker/measure/measurer.h"
#include "worker/measure/sample.h"

namespace paceline {

// One rival of a race: how a sample of it is taken (`calls` runs between two looks at the clock),
// and what came out.
struct TimedRival {
  std::function<TimedSample(int calls)> sample;
  int calls = 1;  // For each sample.
  int samples_per_block = 1;
  std::vector<double> samples_s;  // For one call.
  std::vector<std::int32_t> blocks;
  std::vector<Measurement::Discarded> discarded;

  Summary summary() const { return summarize(samples_s, blocks); }
};

// Races the rivals in blocks: each block samples all that still run, in random order. After two
// blocks those three times behind the best stop, later those whose interval is clearly above its
// own; from then the best runs twice a block, as itself and as its twin, and what the two differ by
// is the noise floor. Ends when each rival's interval
// is tight enough or the budget is spent.
struct Race {
  std::vector<TimedRival> rivals;
  double noise_floor = 0;  // The farthest end of the interval of the twins' ratio from 1.
};
Race race(std::vector<TimedRival> rivals, const MeasureBudget& budget, std::uint64_t seed);

// So many calls that a sample takes `seconds`, within reason, from trying it out.
int calls_for(const TimedRival& rival, double seconds);

}  // namespace paceline
