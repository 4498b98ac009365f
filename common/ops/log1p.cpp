#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op log1p() {
  return unary({
      .on_floats = [](double x) { return std::log1p(x); },
      .domain = above_zero,
  });
}

}  // namespace paceline::ops
