#include "scheduler/cost/interpolation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace paceline {
namespace {

// Chosen on measured kernels (tests/bench/prediction.cpp); all in natural logs.
constexpr std::size_t used_max = 24;  // Known values in one regression.
constexpr std::size_t named_max = 4;  // That a prediction names.
constexpr double margin = 0.405;      // A factor of 1.5 beyond the known range.
constexpr double length = 4;          // Over which deviations from the trend are alike.
constexpr double trend_offset = 10;   // Prior variances relative to those deviations'.
constexpr double trend_slope = 10;
constexpr double nugget = 0.01;          // What repeats of the same measurement differ by.
constexpr double uncertainty_max = 1.5;  // Relative: 1 is what the trend alone would say.
constexpr double deviation_min = 0.02;
constexpr double deviation_max = 1;  // Then a roofline says more.
// Two show no curvature, and caches have edges between them.
constexpr double deviation_of_few = 0.2;
constexpr std::size_t few = 3;

double square(double x) { return x * x; }

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += square(a[i] - b[i]);
  return sum;
}

bool is_within(std::span<const KnownValue> known, std::span<const double> place) {
  for (std::size_t axis = 0; axis < place.size(); ++axis) {
    const auto [least, greatest] =
        std::ranges::minmax(known, {}, [&](const KnownValue& value) { return value.place[axis]; });
    if (place[axis] < least.place[axis] - margin) return false;
    if (place[axis] > greatest.place[axis] + margin) return false;
  }
  return true;
}

std::vector<std::size_t> nearest_of(std::span<const KnownValue> known,
                                    std::span<const double> place) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < known.size(); ++i) {
    order.emplace_back(squared_distance(known[i].place, place), i);
  }
  const std::size_t count = std::min(order.size(), used_max);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end());
  std::vector<std::size_t> nearest;
  for (std::size_t i = 0; i < count; ++i) nearest.push_back(order[i].second);
  return nearest;
}

// The regression over a few known values.
class Regression {
 public:
  Regression(std::span<const KnownValue> known, std::span<const std::size_t> used,
             std::span<const double> centre)
      : known_(known), used_(used), centre_(centre), n_(used.size()), inverse_(n_ * n_) {
    for (const std::size_t i : used) mean_ += known[i].value / static_cast<double>(n_);
    invert();
    for (std::size_t i = 0; i < n_; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < n_; ++j) sum += inverse_[i * n_ + j] * residual(j);
      weights_.push_back(sum);
    }
  }

  // What the others miss value `i` by, and how uncertain they are relative to the scale.
  double miss(std::size_t i) const { return weights_[i] / inverse_[i * n_ + i]; }
  double miss_uncertainty(std::size_t i) const { return 1 / std::sqrt(inverse_[i * n_ + i]); }

  double scale() const {
    double sum = 0;
    for (std::size_t i = 0; i < n_; ++i) sum += square(miss(i) / miss_uncertainty(i));
    return std::sqrt(sum / static_cast<double>(n_));
  }

  struct Answer {
    double value = 0;
    double uncertainty = 0;  // Relative to the scale.
  };
  Answer at(std::span<const double> place) const {
    std::vector<double> covariances;
    for (const std::size_t i : used_) covariances.push_back(covariance(known_[i].place, place));
    Answer answer{mean_, covariance(place, place) + nugget};
    for (std::size_t i = 0; i < n_; ++i) {
      answer.value += covariances[i] * weights_[i];
      for (std::size_t j = 0; j < n_; ++j) {
        answer.uncertainty -= covariances[i] * inverse_[i * n_ + j] * covariances[j];
      }
    }
    answer.uncertainty = std::sqrt(std::max(answer.uncertainty, 0.0));
    return answer;
  }

 private:
  double residual(std::size_t i) const { return known_[used_[i]].value - mean_; }

  double covariance(std::span<const double> a, std::span<const double> b) const {
    double product = 0;
    for (std::size_t axis = 0; axis < a.size(); ++axis) {
      product += (a[axis] - centre_[axis]) * (b[axis] - centre_[axis]);
    }
    const double far = std::sqrt(3 * squared_distance(a, b)) / length;
    return trend_offset + trend_slope * product + (1 + far) * std::exp(-far);
  }

  // By Cholesky's factor L: the inverse is the product of L's inverse, transposed, with itself.
  void invert() {
    std::vector<double> factor(n_ * n_);
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = covariance(known_[used_[i]].place, known_[used_[j]].place);
        if (i == j) sum += nugget;
        for (std::size_t k = 0; k < j; ++k) sum -= factor[i * n_ + k] * factor[j * n_ + k];
        factor[i * n_ + j] = i == j ? std::sqrt(sum) : sum / factor[j * n_ + j];
      }
    }
    const std::vector<double> inverse = inverse_of_lower(factor);
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = i; k < n_; ++k) sum += inverse[k * n_ + i] * inverse[k * n_ + j];
        inverse_[i * n_ + j] = inverse_[j * n_ + i] = sum;
      }
    }
  }

  std::vector<double> inverse_of_lower(const std::vector<double>& lower) const {
    std::vector<double> inverse(n_ * n_);
    for (std::size_t j = 0; j < n_; ++j) {
      inverse[j * n_ + j] = 1 / lower[j * n_ + j];
      for (std::size_t i = j + 1; i < n_; ++i) {
        double sum = 0;
        for (std::size_t k = j; k < i; ++k) sum -= lower[i * n_ + k] * inverse[k * n_ + j];
        inverse[i * n_ + j] = sum / lower[i * n_ + i];
      }
    }
    return inverse;
  }

  std::span<const KnownValue> known_;
  std::span<const std::size_t> used_;
  std::span<const double> centre_;
  std::size_t n_;
  double mean_ = 0;
  std::vector<double> inverse_;  // Of the covariances.
  std::vector<double> weights_;
};

// Never below what the others miss the nearest by.
double deviation_of(const Regression& regression, std::size_t nearest, double uncertainty) {
  double missed = 0;
  for (std::size_t i = 0; i < nearest; ++i) {
    missed += square(regression.miss(i)) / static_cast<double>(nearest);
  }
  return std::max({regression.scale() * uncertainty, std::sqrt(missed), deviation_min});
}

}  // namespace

std::optional<Interpolation> interpolate(std::span<const KnownValue> known,
                                         std::span<const double> place) {
  if (known.size() < 2 || !is_within(known, place)) return std::nullopt;
  std::vector<std::size_t> nearest = nearest_of(known, place);
  const Regression regression(known, nearest, place);
  const auto [value, uncertainty] = regression.at(place);
  if (uncertainty > uncertainty_max) return std::nullopt;
  const std::size_t named = std::min(nearest.size(), named_max);
  const double deviation =
      nearest.size() < few ? deviation_of_few : deviation_of(regression, named, uncertainty);
  if (deviation > deviation_max) return std::nullopt;
  nearest.resize(named);
  return Interpolation{.value = value, .deviation = deviation, .nearest = std::move(nearest)};
}

}  // namespace paceline
