#include "common/graph/same_attributes.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace paceline {

bool are_same(const Attributes& a, const Attributes& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    if (one.first != other.first) return false;
    const auto* real = std::get_if<double>(&one.second);
    const auto* other_real = std::get_if<double>(&other.second);
    if (real == nullptr || other_real == nullptr) return one.second == other.second;
    return std::bit_cast<std::uint64_t>(*real) == std::bit_cast<std::uint64_t>(*other_real);
  });
}

}  // namespace paceline
