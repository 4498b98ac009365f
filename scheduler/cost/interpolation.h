#pragma once

#include <optional>
#include <span>

#include "common/graph/workload.h"

namespace paceline {

// Whether one factor tells the two apart: same op, attributes, dtypes and layouts, and every extent
// that differs does so in the same ratio, as when one symbol of a graph is bound to another number.
// Times of workloads that differ in more ways lie on no curve that two points could show.
bool are_on_one_curve(const Workload& a, const Workload& b);

// A known time: `work` is positive and grows with the size of the workload.
struct CostPoint {
  double work = 0;
  double seconds = 0;
};

struct Interpolation {
  double seconds = 0;
  double spread = 1;      // The interval reaches from seconds / spread to seconds * spread.
  std::size_t below = 0;  // The points that it lies between.
  std::size_t above = 0;
};

// On the power law through the nearest points to each side; nullopt outside of them. The spread
// comes from how far each inner point lies off the law through its neighbours. Requires: `points` by
// ascending work.
std::optional<Interpolation> interpolate(std::span<const CostPoint> points, double work);

}  // namespace paceline
