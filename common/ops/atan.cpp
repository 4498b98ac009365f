#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op atan() {
  return unary({
      .on_floats = [](double x) { return std::atan(x); },
  });
}

}  // namespace paceline::ops
