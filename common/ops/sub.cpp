#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op sub() {
  return binary({
      .on_floats = [](double a, double b) { return a - b; },
      .on_integers = wrapping_sub,
      .domains = {between(4, 9), between(0, 5)},  // No u8 wraps around.
  });
}

}  // namespace paceline::ops
