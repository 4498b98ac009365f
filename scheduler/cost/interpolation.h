#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace paceline {

// A known value at a place: the log of a time at the logs of extents, where a power law is a plane.
struct KnownValue {
  std::vector<double> place;
  double value = 0;
};

struct Interpolation {
  double value = 0;
  double deviation = 0;              // Standard deviation of the true value about it.
  std::vector<std::size_t> nearest;  // The known values that it rests on most, nearest first.
};

// The value at `place` from the nearest known ones: Gaussian process regression with a linear trend
// and a Matern covariance (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006,
// sections 2.7 and 4.2). Its scale comes from how well each known value is predicted by the others
// (section 5.4.2), and the deviation is never below those errors of the nearest. What lies on a
// plane is met exactly. Few known values cannot judge each other: then the deviation is a fixed
// one.
//
// nullopt with fewer than two known values; outside of them, that is beyond the least or greatest
// coordinate by more than a factor of 1.5 (log scale); and where they do not determine the trend:
// in a direction in which none of them differ, or far from all. Deterministic. Requires: places of
// equal dimension.
std::optional<Interpolation> interpolate(std::span<const KnownValue> known,
                                         std::span<const double> place);

}  // namespace paceline
