#include "common/base/error.h"
#include "common/ops/support/bitwise.h"

namespace paceline::ops {

namespace {

std::int64_t shift(std::int64_t a, std::int64_t b) {
  if (b < 0) throw invalid("shift_left: a shift may not be negative: {}", b);
  return b > 63 ? 0 : static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b);
}

}  // namespace

Op shift_left() {
  return bitwise({.function = shift, .commutes = false, .second = index_below(9)});
}

}  // namespace paceline::ops
