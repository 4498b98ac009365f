#pragma once

#include <optional>
#include <span>
#include <vector>

#include "common/graph/path_measurement.h"

// What races of whole paths tell: who is faster, and who is taken. Pure.
namespace paceline {

// Whether `a` won outside the noise: block by block when both were timed in one sitting, else by
// their intervals.
bool is_faster(const PathMeasurement& a, const PathMeasurement& b);

// The largest error that a path may have shown to be taken. A tolerance that admits fewer bits is a
// promise for inputs that nobody saw, too: a tenth of it is kept for them.
double error_allowed(double tolerance);

// Those of one sitting that may be taken, fastest first: times of its last round compare, since its
// paths met the same weather. It is the newest that was held for such a tolerance: for one that
// admits fewer bits, in which some path dropped bits; else in which every path that ran fits; where
// there is none, the newest. Empty when no path ran. Throws `invalid` naming the path
// that came closest when some ran, and none within the tolerance.
std::vector<PathMeasurement> finalists_of(std::span<const PathMeasurement> timed, double tolerance);

// Who is taken of finalists, of which there is at least one. `incumbents` in order of their claim:
// the first that is among the finalists stays, unless some are faster than it outside the noise; of
// these the next incumbent that is one of them stays, and so on; then it is the fastest.
const PathMeasurement& winner_of(std::span<const PathMeasurement> finalists,
                                 std::span<const PathId> incumbents);

}  // namespace paceline
