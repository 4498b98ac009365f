#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op erf() {
  return unary({
      .on_floats = [](double x) { return std::erf(x); },
  });
}

}  // namespace paceline::ops
