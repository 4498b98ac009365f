#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "common/base/time.h"
#include "worker/measure/path_race.h"

namespace paceline {

// A path in a race, ready to run.
struct PathRace::Runner {
  // Of the second session of the default, whose difference from the first is noise.
  static constexpr std::size_t pair_place = std::numeric_limits<std::size_t>::max();

  std::shared_ptr<const Plan> plan;
  std::shared_ptr<States> states;
  std::unique_ptr<Session> session;
  PathMeasurement row;
  std::size_t place = 0;  // Among the candidates.
  bool is_in = false;
  double first_run_s = 0;
  // Of the last round that it took part in.
  std::vector<double> samples;
  std::vector<std::int32_t> blocks;

  void close() {
    session.reset();
    states.reset();
  }

  double timed_run() {
    const std::int64_t begin_ns = monotonic_ns();
    session->run();
    return 1e-9 * static_cast<double>(monotonic_ns() - begin_ns);
  }
};

}  // namespace paceline
