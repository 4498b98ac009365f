#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op tanh() {
  return unary({
      .on_floats = [](double x) { return std::tanh(x); },
  });
}

}  // namespace paceline::ops
