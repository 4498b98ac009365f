#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/graph/path_measurement.h"

// What races of whole paths tell: who is faster, and who is taken. Pure.
namespace paceline {

// Values of PathMeasurement::method; 1 and 2 were the next two on the given inputs alone. A path's
// error is the largest on the given inputs and, unless it is far within the tolerance there, on
// further ones. On the given ones it is the distance to the double reference.
inline constexpr std::int32_t path_method_reference = 3;
// On further inputs, and on graphs too large for the double reference on all: the distance to the
// default path's output; where a kernel of that narrows, to the same graph's output by kernels that
// nobody measured, none of which does.
inline constexpr std::int32_t path_method_default = 4;
// Of graphs that compute in halves, on all inputs: the distance to what the graph gives where
// nothing is rounded to halves on the way; in double, or for large graphs by f32 kernels. The
// second is of the default path of the race, whose distance is what rounding costs: see
// error_allowed().
inline constexpr std::int32_t path_method_unrounded = 5;
inline constexpr std::int32_t path_method_unrounded_default = 6;

// Whether `a` won outside the noise: block by block when both were timed in one sitting, else by
// their intervals.
bool is_faster(const PathMeasurement& a, const PathMeasurement& b);

// What a path's activations count as, a factor on its time: a tenth for each doubling of what they
// take beyond 1 MiB. So three times the memory of a rival has to be 17 % faster, and of two paths
// that are as fast the leaner one is taken. 1 where nobody noted them.
double memory_weight(const PathMeasurement& row);
// is_faster(), each time weighed so; where one's memory is not known, neither's counts.
bool is_better(const PathMeasurement& a, const PathMeasurement& b);

// The largest error that a path may have shown to be taken. A tolerance that admits fewer bits is a
// promise for inputs that nobody saw, too: a tenth of it is kept for them.
double error_allowed(double tolerance);
// The same where the default path of the race computes in halves, and is off by so much for its
// rounding: that is what a user gets who asks for halves, so others may be off by a quarter more.
double error_allowed(double tolerance, double rounding_error);

// Those of one sitting that may be taken, fastest first: times of its last round compare, since its
// paths met the same weather. It is the newest that was held for such a tolerance: for one that
// admits fewer bits, in which some path dropped bits; else in which every path that ran fits; where
// there is none, the newest. Empty when no path ran. Throws `invalid` naming the path
// that came closest when some ran, and none within the tolerance.
std::vector<PathMeasurement> finalists_of(std::span<const PathMeasurement> timed, double tolerance);

// Who is taken of finalists, of which there is at least one. `incumbents` in order of their claim:
// the first that is among the finalists stays, unless some are better than it (is_better()); of
// these the next incumbent that is one of them stays, and so on; then it is the one that is the
// fastest with its memory weighed.
const PathMeasurement& winner_of(std::span<const PathMeasurement> finalists,
                                 std::span<const PathId> incumbents);

}  // namespace paceline
