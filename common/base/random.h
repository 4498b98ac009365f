#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace paceline {

// Counter-based generator (SplitMix64, Steele, Lea and Flood 2014): the same seed gives the same
// stream on every machine and compiler. A UniformRandomBitGenerator; the distributions here are
// used in place of <random>'s, whose results vary between libraries.
class Random {
 public:
  using result_type = std::uint64_t;

  explicit Random(std::uint64_t seed) : state_(seed) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()();

  double uniform();                         // [0, 1)
  double uniform(double low, double high);  // [low, high)
  double normal();                          // Mean 0, deviation 1 (Box-Muller).
  std::int64_t below(std::int64_t bound);   // [0, bound), unbiased. Requires: bound > 0.
  Random split();                           // An independent stream.

 private:
  std::uint64_t state_;
};

// Puts the items in a random order, each as likely as any other (Fisher and Yates).
template <typename T>
void shuffle(std::vector<T>& items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.below(static_cast<std::int64_t>(i))]);
  }
}

}  // namespace paceline
