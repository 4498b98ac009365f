#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op exp() {
  return unary({
      .on_floats = [](double x) { return std::exp(x); },
  });
}

}  // namespace paceline::ops
