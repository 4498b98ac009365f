#include "scheduler/cost/interpolation.h"

#include <algorithm>
#include <cmath>

namespace paceline {
namespace {

// Two points show no curvature, and caches have edges between them.
constexpr double spread_of_two_points = 1.5;
constexpr double spread_min = 1.15;

bool have_equal_form(const OperandType& a, const OperandType& b) {
  return a.dtype == b.dtype && a.extents.size() == b.extents.size() && a.strides.empty() &&
         b.strides.empty() && a.packing == b.packing;
}

// The first ratio found is kept in `ratio` (0: none yet); false when an extent has another.
bool agree_on_ratio(const Extents& a, const Extents& b, double& ratio) {
  for (std::size_t axis = 0; axis < a.size(); ++axis) {
    if (a[axis] == b[axis]) continue;
    if (a[axis] <= 0 || b[axis] <= 0) return false;
    const double here = static_cast<double>(a[axis]) / static_cast<double>(b[axis]);
    if (ratio != 0 && here != ratio) return false;
    ratio = here;
  }
  return true;
}

bool agree_on_ratio(const std::vector<OperandType>& a, const std::vector<OperandType>& b,
                    double& ratio) {
  return std::ranges::equal(a, b, [&](const OperandType& x, const OperandType& y) {
    return have_equal_form(x, y) && agree_on_ratio(x.extents, y.extents, ratio);
  });
}

double on_power_law(const CostPoint& a, const CostPoint& b, double work) {
  const double part = std::log(work / a.work) / std::log(b.work / a.work);
  return a.seconds * std::pow(b.seconds / a.seconds, part);
}

double spread_of(std::span<const CostPoint> points) {
  if (points.size() < 3) return spread_of_two_points;
  double spread = spread_min;
  for (std::size_t i = 1; i + 1 < points.size(); ++i) {
    const double expected = on_power_law(points[i - 1], points[i + 1], points[i].work);
    const double ratio = points[i].seconds / expected;
    spread = std::max({spread, ratio, 1 / ratio});
  }
  return spread;
}

}  // namespace

bool are_on_one_curve(const Workload& a, const Workload& b) {
  double ratio = 0;
  return a.op == b.op && a.attributes == b.attributes && agree_on_ratio(a.inputs, b.inputs, ratio) &&
         agree_on_ratio(a.outputs, b.outputs, ratio);
}

std::optional<Interpolation> interpolate(std::span<const CostPoint> points, double work) {
  const auto above = std::ranges::find_if(
      points, [&](const CostPoint& point) { return point.work > work; });
  if (above == points.begin() || above == points.end()) return std::nullopt;
  const auto below = std::prev(above);
  return Interpolation{.seconds = on_power_law(*below, *above, work),
                       .spread = spread_of(points),
                       .below = static_cast<std::size_t>(below - points.begin()),
                       .above = static_cast<std::size_t>(above - points.begin())};
}

}  // namespace paceline
