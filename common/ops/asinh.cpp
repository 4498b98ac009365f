#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op asinh() {
  return unary({
      .on_floats = [](double x) { return std::asinh(x); },
  });
}

}  // namespace paceline::ops
