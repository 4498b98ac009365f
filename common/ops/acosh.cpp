#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op acosh() {
  return unary({
      .on_floats = [](double x) { return std::acosh(x); },
      .domain = between(1, 10),
  });
}

}  // namespace paceline::ops
