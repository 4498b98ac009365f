#pragma once

#include <cstdint>
#include <optional>

namespace paceline::search {

// A count that may have thousands of digits: exact up to 2^64 - 1, otherwise 53 bits of it.
class Magnitude {
 public:
  Magnitude() : Magnitude(0) {}
  explicit Magnitude(std::uint64_t exact);

  std::optional<std::uint64_t> exact() const { return exact_; }
  double log10() const;
  double over(const Magnitude& whole) const;  // The quotient of a part and its whole.

  friend Magnitude operator+(const Magnitude& a, const Magnitude& b);
  friend Magnitude operator*(const Magnitude& a, const Magnitude& b);

 private:
  Magnitude(double mantissa, std::int64_t exponent);

  double mantissa_ = 0;  // 0, or from 0.5 up to 1.
  std::int64_t exponent_ = 0;
  std::optional<std::uint64_t> exact_;
};

}  // namespace paceline::search
