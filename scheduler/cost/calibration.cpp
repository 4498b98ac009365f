#include "scheduler/cost/calibration.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace paceline {
namespace {

// Chosen on measured kernels (tests/bench/prediction.cpp); distances are natural logs of factors.
constexpr std::size_t rows_min = 3;
constexpr std::size_t rows_used = 6;
constexpr double nearness = 0.3;    // Rows within it weigh alike.
constexpr double slack = 0.26;      // A few rows show less than there is: a factor of 1.3.
constexpr double slack_rate = 0.5;  // More for each unit of distance.

WorkSize log_of(const WorkSize& work) {
  return {std::log(std::max(work.flops, 1.0)), std::log(std::max(work.bytes, 1.0))};
}

double distance(const WorkSize& a, const WorkSize& b) {
  return std::hypot(a.flops - b.flops, a.bytes - b.bytes);
}

}  // namespace

double Calibration::base_s(const WorkSize& work) const {
  return bound_s(work, roofline_) + std::max(roofline_.call_s, 1e-9);
}

void Calibration::add(const WorkSize& work, double seconds) {
  rows_.push_back({log_of(work), std::log(seconds / base_s(work))});
}

std::optional<Calibration::Prediction> Calibration::predict(const WorkSize& work) const {
  if (rows_.size() < rows_min) return std::nullopt;
  std::vector<std::pair<double, double>> near;  // Distance and ratio.
  for (const Row& row : rows_) near.emplace_back(distance(row.work, log_of(work)), row.ratio);
  const auto end = near.begin() + static_cast<std::ptrdiff_t>(std::min(near.size(), rows_used));
  std::partial_sort(near.begin(), end, near.end());
  near.erase(end, near.end());
  double sum = 0, weights = 0;
  for (const auto& [far, ratio] : near) {
    const double weight = 1 / ((far + nearness) * (far + nearness));
    sum += weight * ratio;
    weights += weight;
  }
  const auto [least, greatest] = std::ranges::minmax(near, {}, &std::pair<double, double>::second);
  const double beyond = slack + slack_rate * near.front().first;
  const double base = base_s(work);
  return Prediction{.seconds = base * std::exp(sum / weights),
                    .low_s = base * std::exp(least.second - beyond),
                    .high_s = base * std::exp(greatest.second + beyond)};
}

}  // namespace paceline
