#include "common/ops/support/elementwise.h"
#include "common/ops/support/reduction.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op reduce_prod() {
  Op op = reduction("reduce_prod", {
                                       .on_floats = [](double a, double b) { return a * b; },
                                       .on_integers = wrapping_mul,
                                       .float_start = 1,
                                       .integer_start = 1,
                                   });
  // Products of hundreds of such factors stay near 1.
  for (Sample& sample : op.samples) {
    if (is_float(sample.inputs[0].dtype)) sample.inputs[0].domain = between(0.6, 1.5);
  }
  return op;
}

}  // namespace paceline::ops
