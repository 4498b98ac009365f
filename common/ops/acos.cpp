#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op acos() {
  return unary({
      .on_floats = [](double x) { return std::acos(x); },
      .domain = between(-1, 1),
  });
}

}  // namespace paceline::ops
