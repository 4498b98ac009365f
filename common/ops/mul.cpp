#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op mul() {
  return binary({
      .on_floats = [](double a, double b) { return a * b; },
      .on_integers = wrapping_mul,
      .commutative = true,
      .associative = true,
  });
}

}  // namespace paceline::ops
