#include "common/base/random.h"

#include <cmath>
#include <numbers>

namespace paceline {

Random::result_type Random::operator()() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double Random::uniform() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

double Random::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Random::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 - uniform() is never 0.
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

// Lemire 2019, "Fast random integer generation in an interval".
std::int64_t Random::below(std::int64_t bound) {
  const auto range = static_cast<std::uint64_t>(bound);
  const std::uint64_t reject_below = -range % range;
  for (;;) {
    const auto product = static_cast<unsigned __int128>((*this)()) * range;
    if (static_cast<std::uint64_t>(product) >= reject_below) {
      return static_cast<std::int64_t>(product >> 64);
    }
  }
}

Random Random::split() { return Random((*this)()); }

}  // namespace paceline
