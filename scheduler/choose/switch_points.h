#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "common/graph/path_measurement.h"

// Where along one symbol the fastest path changes. Pure: who times is told by the caller.
namespace paceline {

// Values from `first` to `last` at which the paths of a range are raced: both, and the powers of
// two between them. Throws `invalid` unless 1 <= first <= last.
std::vector<std::int64_t> anchors_of(std::int64_t first, std::int64_t last);

// Neighbouring timed values speak for what lies between them when the upper one is at most so many
// times the lower one, as powers of two are.
inline constexpr std::int64_t neighbour_ratio_max = 2;
// A switch point is found when the values around it are as close as that, or adjacent.
inline constexpr double switch_precision = 0.12;

// The smallest value found at which another path than that of `lower` takes over: `lower` is where
// the one still serves, `upper` where the other does. Bisects by `takes_over(value)`: whether the
// other is faster there, outside the noise; at a tie the path of the smaller values stays. It is
// asked for round numbers where there are some, since kernels like those.
std::int64_t find_switch(std::int64_t lower, std::int64_t upper,
                         const std::function<bool(std::int64_t)>& takes_over);

// One value of the symbol at which paths were raced.
struct RacedPoint {
  std::int64_t at = 0;
  std::vector<PathMeasurement> finalists;  // Of its newest sitting, as finalists_of() gives them.
  PathId standing;                         // The graph as it stands there.
};

// A path, and the values from which on it is the one to take.
struct PathRange {
  std::int64_t from = 0;     // Where it was first found to be.
  PathMeasurement measured;  // There.
  PathMeasurement
      before;  // There too: the path that served the smaller values; the last one's own
               // row when that one was not timed there; of the first range as `measured`.
};

// What serves the values around `at`: ascending, neighbours differ. Along the points, ascending, a
// path stays until another one is faster outside the noise (see winner_of); where it was not timed,
// until that point's winner. Of points further apart than neighbours, only those that are joined
// with `at` count. Empty when `at` does not lie between two that are.
struct PathRanges {
  // A value that was timed: the path that serves it, and the graph as it stands.
  struct Timed {
    std::int64_t at = 0;
    PathMeasurement serving;
    std::optional<PathMeasurement> standing;  // Where it was in the same sitting.
  };

  std::vector<PathRange> all;
  std::vector<Timed> timed;  // Ascending.

  const PathRange& serving(std::int64_t at) const;  // Requires: some are there.
  const Timed* timed_at(std::int64_t at) const;     // Null where nothing was.
};
PathRanges path_ranges(std::span<const RacedPoint> points, std::int64_t at);

}  // namespace paceline
