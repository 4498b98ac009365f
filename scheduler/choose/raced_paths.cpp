#include "scheduler/choose/raced_paths.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "common/base/error.h"

namespace paceline {
namespace {

// A tolerance from which paths of fewer bits are raced, and an error that no path of f32 has.
constexpr double narrow_tolerance = 1e-3;
constexpr double narrow_error = 3e-5;
constexpr double unseen_share = 0.1;
// Of the default path's rounding: as much as another order of the same operations may differ by.
constexpr double rounding_share = 1.25;

// See memory_weight(). Below the first of these nobody minds.
constexpr double free_bytes = 1 << 20;
constexpr double price_of_doubling = 0.1;

bool has_run(const PathMeasurement& row) {
  return row.outcome == Outcome::ok || row.outcome == Outcome::wrong;
}

// A race was run, and nothing of it is close enough.
Error refused(std::span<const PathMeasurement> timed, Time race, double tolerance) {
  const PathMeasurement* closest = nullptr;
  for (const PathMeasurement& row : timed) {
    if (row.finished != race || std::isnan(row.error_relative) || !has_run(row)) continue;
    if (closest == nullptr || row.error_relative < closest->error_relative) closest = &row;
  }
  if (closest == nullptr) return invalid("no path that was timed whole could be run");
  return invalid(
      "no path that was timed whole meets the tolerance {:.2g}: the closest is {} with an "
      "error of {:.2g}; give a larger one, or --no-search",
      tolerance, closest->path.to_string(), closest->error_relative);
}

// What the default path of that race is off by for rounding to halves; 0 where none is known.
double rounding_error(std::span<const PathMeasurement> timed, Time race) {
  for (const PathMeasurement& row : timed) {
    if (row.finished == race && row.method == path_method_unrounded_default) {
      return row.error_relative;
    }
  }
  return 0;
}

bool fits(const PathMeasurement& row, double tolerance, double rounding) {
  return row.outcome == Outcome::ok && row.error_relative <= error_allowed(tolerance, rounding);
}

std::optional<Time> sitting_for(std::span<const PathMeasurement> timed, double tolerance) {
  std::map<Time, std::vector<const PathMeasurement*>> sittings;
  for (const PathMeasurement& row : timed) {
    if (has_run(row)) sittings[row.finished].push_back(&row);
  }
  if (sittings.empty()) return std::nullopt;
  const auto is_for_it = [&](const auto& sitting) {
    const std::vector<const PathMeasurement*>& rows = sitting.second;
    const double rounding = rounding_error(timed, sitting.first);
    const auto is_fitting = [&](const PathMeasurement* row) {
      return fits(*row, tolerance, rounding);
    };
    const bool has_fitting = std::ranges::any_of(rows, is_fitting);
    if (tolerance < narrow_tolerance) {
      return has_fitting && std::ranges::all_of(rows, [&](const PathMeasurement* row) {
               return row->outcome != Outcome::ok || is_fitting(row);
             });
    }
    return has_fitting && std::ranges::any_of(rows, [](const PathMeasurement* row) {
             return row->error_relative > narrow_error;
           });
  };
  const auto found = std::find_if(sittings.rbegin(), sittings.rend(), is_for_it);
  return found == sittings.rend() ? sittings.rbegin()->first : found->first;
}

// Block by block, a's time over b's.
Summary ratio_of(const PathMeasurement& a, const PathMeasurement& b) {
  const auto of_a = block_medians(a.samples_s, a.blocks);
  const auto of_b = block_medians(b.samples_s, b.blocks);
  std::vector<double> ratios;
  std::vector<std::int32_t> blocks;
  for (const auto& [block, seconds] : of_a) {
    const auto other = of_b.find(block);
    if (other == of_b.end()) continue;
    ratios.push_back(seconds / other->second);
    blocks.push_back(block);
  }
  return summarize(ratios, blocks);
}

}  // namespace

double error_allowed(double tolerance) {
  return tolerance < narrow_tolerance ? tolerance : (1 - unseen_share) * tolerance;
}

double error_allowed(double tolerance, double rounding_error) {
  return std::max(error_allowed(tolerance), rounding_share * rounding_error);
}

namespace {

// Whether a's time would be outside the noise below b's if it were so many times as long.
bool is_faster(const PathMeasurement& a, const PathMeasurement& b, double weight) {
  const bool is_one_sitting = a.finished == b.finished && !a.samples_s.empty() &&
                              a.samples_s.size() == b.samples_s.size() &&
                              a.blocks.size() == a.samples_s.size() &&
                              b.blocks.size() == b.samples_s.size();
  if (!is_one_sitting) {
    Summary weighed = a.summary;
    for (double* seconds : {&weighed.median_s, &weighed.low_s, &weighed.high_s, &weighed.minimum_s})
      *seconds *= weight;
    return compare(weighed, b.summary, a.noise_floor) == Verdict::faster;
  }
  const Summary ratio = ratio_of(a, b);
  return weight * ratio.high_s < 1 && 1 - weight * ratio.median_s > a.noise_floor;
}

bool has_memory(const PathMeasurement& row) { return row.activation_bytes.has_value(); }

}  // namespace

bool is_faster(const PathMeasurement& a, const PathMeasurement& b) { return is_faster(a, b, 1); }

double memory_weight(const PathMeasurement& row) {
  const auto bytes = static_cast<double>(row.activation_bytes.value_or(0));
  return std::pow(1 + bytes / free_bytes, std::log2(1 + price_of_doubling));
}

bool is_better(const PathMeasurement& a, const PathMeasurement& b) {
  const bool is_weighed = has_memory(a) && has_memory(b);
  return is_faster(a, b, is_weighed ? memory_weight(a) / memory_weight(b) : 1);
}

std::vector<PathMeasurement> finalists_of(std::span<const PathMeasurement> timed,
                                          double tolerance) {
  const auto sitting = sitting_for(timed, tolerance);
  if (!sitting) return {};
  const double rounding = rounding_error(timed, *sitting);
  std::vector<PathMeasurement> fitting;
  std::size_t samples = 0;
  for (const PathMeasurement& row : timed) {
    if (row.finished != *sitting || !fits(row, tolerance, rounding)) continue;
    fitting.push_back(row);
    samples = std::max(samples, row.samples_s.size());
  }
  if (fitting.empty()) throw refused(timed, *sitting, tolerance);
  // Who left the race early was timed less.
  std::erase_if(fitting,
                [&](const PathMeasurement& row) { return row.samples_s.size() != samples; });
  std::ranges::stable_sort(fitting, {},
                           [](const PathMeasurement& row) { return row.summary.median_s; });
  return fitting;
}

const PathMeasurement& winner_of(std::span<const PathMeasurement> finalists,
                                 std::span<const PathId> incumbents) {
  check(!finalists.empty(), "a race that is decided has finalists");
  std::vector<const PathMeasurement*> in;
  for (const PathMeasurement& row : finalists) in.push_back(&row);
  for (const PathId& incumbent : incumbents) {
    const auto found = std::ranges::find(in, incumbent, &PathMeasurement::path);
    if (found == in.end()) continue;
    const PathMeasurement& stays = **found;
    std::erase_if(in, [&](const PathMeasurement* row) { return !is_better(*row, stays); });
    if (in.empty()) return stays;
  }
  if (!std::ranges::all_of(in, [](const auto* row) { return has_memory(*row); }))
    return *in.front();
  return **std::ranges::min_element(in, {}, [](const PathMeasurement* row) {
    return memory_weight(*row) * row->summary.median_s;
  });
}

}  // namespace paceline
