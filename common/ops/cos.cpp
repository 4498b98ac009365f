#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op cos() {
  return unary({
      .on_floats = [](double x) { return std::cos(x); },
      .domain = between(-10, 10),
  });
}

}  // namespace paceline::ops
