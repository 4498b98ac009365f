#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op asin() {
  return unary({
      .on_floats = [](double x) { return std::asin(x); },
      .domain = between(-1, 1),
  });
}

}  // namespace paceline::ops
