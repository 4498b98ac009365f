#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op ceil() {
  return unary({
      .on_floats = [](double x) { return std::ceil(x); },
      .domain = between(-9, 9),
  });
}

}  // namespace paceline::ops
