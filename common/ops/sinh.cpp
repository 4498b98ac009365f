#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op sinh() {
  return unary({
      .on_floats = [](double x) { return std::sinh(x); },
      .domain = between(-4, 4),
  });
}

}  // namespace paceline::ops
