#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op tan() {
  return unary({
      .on_floats = [](double x) { return std::tan(x); },
      .domain = between(-1.4, 1.4),
  });
}

}  // namespace paceline::ops
