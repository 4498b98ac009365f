#include "scheduler/choose/switch_points.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/error.h"
#include "scheduler/choose/raced_paths.h"

namespace paceline {
namespace {

// Between the two, where a bisection of ratios would look; where it fits, a multiple of the power of
// two that is about an eighth of it.
std::int64_t round_middle(std::int64_t lower, std::int64_t upper) {
  const double exact = std::sqrt(static_cast<double>(lower) * static_cast<double>(upper));
  const auto middle = static_cast<std::int64_t>(std::llround(exact));
  const auto step = static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(1, middle / 8))));
  const std::int64_t rounded = (middle + step / 2) / step * step;
  return rounded > lower && rounded < upper ? rounded : std::clamp(middle, lower + 1, upper - 1);
}

bool is_close(std::int64_t lower, std::int64_t upper) {
  return upper - lower <= 1 ||
         static_cast<double>(upper - lower) <= switch_precision * static_cast<double>(lower);
}

// Of the points around `at`, from which neighbours lead to it.
std::span<const RacedPoint> joined(std::span<const RacedPoint> points, std::int64_t at) {
  const auto is_gap = [&](std::size_t i) {
    return points[i].at > neighbour_ratio_max * points[i - 1].at;
  };
  std::size_t begin = 0;
  for (std::size_t end = 1; end <= points.size(); ++end) {
    if (end < points.size() && !is_gap(end)) continue;
    if (end - begin > 1 && points[begin].at <= at && at <= points[end - 1].at) {
      return points.subspan(begin, end - begin);
    }
    begin = end;
  }
  return {};
}

// Null when it is no finalist.
const PathMeasurement* row_of(const RacedPoint& point, PathId path) {
  const auto found = std::ranges::find(point.finalists, path, &PathMeasurement::path);
  return found == point.finalists.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::int64_t> anchors_of(std::int64_t first, std::int64_t last) {
  if (first < 1 || last < first) {
    throw invalid("a range goes from at least 1 up, as in 1..512: {}..{}", first, last);
  }
  std::vector<std::int64_t> anchors = {first};
  for (std::uint64_t next = std::bit_floor(static_cast<std::uint64_t>(first)) * 2;
       next < static_cast<std::uint64_t>(last); next *= 2) {
    anchors.push_back(static_cast<std::int64_t>(next));
  }
  if (last > first) anchors.push_back(last);
  return anchors;
}

std::int64_t find_switch(std::int64_t lower, std::int64_t upper,
                         const std::function<bool(std::int64_t)>& takes_over) {
  while (!is_close(lower, upper)) {
    const std::int64_t middle = round_middle(lower, upper);
    (takes_over(middle) ? upper : lower) = middle;
  }
  return upper;
}

const PathRange& PathRanges::serving(std::int64_t at) const {
  check(!all.empty(), "some range serves");
  std::size_t index = 0;
  while (index + 1 < all.size() && all[index + 1].from <= at) ++index;
  return all[index];
}

const PathRanges::Timed* PathRanges::timed_at(std::int64_t at) const {
  const auto found = std::ranges::find(timed, at, &Timed::at);
  return found == timed.end() ? nullptr : &*found;
}

PathRanges path_ranges(std::span<const RacedPoint> points, std::int64_t at) {
  PathRanges ranges;
  for (const RacedPoint& point : joined(points, at)) {
    std::vector<PathId> incumbents;
    if (!ranges.all.empty()) incumbents.push_back(ranges.all.back().measured.path);
    incumbents.push_back(point.standing);
    const PathMeasurement& winner = winner_of(point.finalists, incumbents);
    const PathMeasurement* standing = row_of(point, point.standing);
    ranges.timed.push_back({point.at, winner, standing ? std::optional(*standing) : std::nullopt});
    if (!ranges.all.empty() && winner.path == incumbents.front()) continue;
    const PathMeasurement* before = row_of(point, incumbents.front());
    const PathMeasurement& earlier = ranges.all.empty() ? winner : ranges.all.back().measured;
    ranges.all.push_back({point.at, winner, before ? *before : earlier});
  }
  return ranges;
}

}  // namespace paceline
