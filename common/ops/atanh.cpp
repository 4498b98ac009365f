#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op atanh() {
  return unary({
      .on_floats = [](double x) { return std::atanh(x); },
      .domain = between(-0.95, 0.95),
  });
}

}  // namespace paceline::ops
