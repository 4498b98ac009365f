#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op sign() {
  return unary({
      .on_floats = [](double x) { return x > 0   ? 1.0
                                         : x < 0 ? -1.0
                                                 : x; },
      .on_integers = [](std::int64_t x) { return std::int64_t{x > 0} - std::int64_t{x < 0}; },
  });
}

}  // namespace paceline::ops
