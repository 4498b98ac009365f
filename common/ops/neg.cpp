#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op neg() {
  return unary({
      .on_floats = [](double x) { return -x; },
      .on_integers = [](std::int64_t x) { return wrapping_sub(0, x); },
      .needs_sign = true,
  });
}

}  // namespace paceline::ops
