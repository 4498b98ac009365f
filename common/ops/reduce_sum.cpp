#include "common/ops/support/elementwise.h"
#include "common/ops/support/reduction.h"

namespace paceline::ops {

Op reduce_sum() {
  return reduction("reduce_sum", {
                                     .on_floats = [](double a, double b) { return a + b; },
                                     .on_integers = wrapping_add,
                                     .float_start = 0,
                                     .integer_start = 0,
                                 });
}

}  // namespace paceline::ops
