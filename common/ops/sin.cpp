#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op sin() {
  return unary({
      .on_floats = [](double x) { return std::sin(x); },
      .domain = between(-10, 10),
  });
}

}  // namespace paceline::ops
