#include <algorithm>

#include "common/base/error.h"
#include "common/ops/support/bitwise.h"

namespace paceline::ops {

namespace {

std::int64_t shift(std::int64_t a, std::int64_t b) {
  if (b < 0) throw invalid("shift_right: a shift may not be negative: {}", b);
  return a >> std::min<std::int64_t>(b, 63);
}

}  // namespace

Op shift_right() {
  return bitwise({.function = shift, .commutes = false, .second = index_below(9)});
}

}  // namespace paceline::ops
