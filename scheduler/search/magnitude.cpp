#include "scheduler/search/magnitude.h"

#include <algorithm>
#include <cmath>

namespace paceline::search {

Magnitude::Magnitude(double mantissa, std::int64_t exponent) {
  int shift = 0;
  mantissa_ = std::frexp(mantissa, &shift);
  exponent_ = mantissa_ == 0 ? 0 : exponent + shift;
}

Magnitude::Magnitude(std::uint64_t exact) : Magnitude(static_cast<double>(exact), 0) {
  exact_ = exact;
}

double Magnitude::log10() const {
  return std::log10(mantissa_) + static_cast<double>(exponent_) * std::log10(2.0);
}

double Magnitude::over(const Magnitude& whole) const {
  const std::int64_t shift = std::clamp<std::int64_t>(exponent_ - whole.exponent_, -2000, 2000);
  return std::ldexp(mantissa_ / whole.mantissa_, static_cast<int>(shift));
}

Magnitude operator+(const Magnitude& a, const Magnitude& b) {
  if (a.mantissa_ == 0) return b;
  if (b.mantissa_ == 0) return a;
  if (a.exponent_ < b.exponent_) return b + a;
  const std::int64_t shift = std::max<std::int64_t>(b.exponent_ - a.exponent_, -2000);
  Magnitude sum(a.mantissa_ + std::ldexp(b.mantissa_, static_cast<int>(shift)), a.exponent_);
  std::uint64_t exact = 0;
  if (a.exact_ && b.exact_ && !__builtin_add_overflow(*a.exact_, *b.exact_, &exact)) {
    sum.exact_ = exact;
  }
  return sum;
}

Magnitude operator*(const Magnitude& a, const Magnitude& b) {
  Magnitude product(a.mantissa_ * b.mantissa_, a.exponent_ + b.exponent_);
  std::uint64_t exact = 0;
  if (a.exact_ && b.exact_ && !__builtin_mul_overflow(*a.exact_, *b.exact_, &exact)) {
    product.exact_ = exact;
  }
  return product;
}

}  // namespace paceline::search
