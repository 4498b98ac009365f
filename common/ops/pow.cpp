#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op pow() {
  return binary({
      .on_floats = [](double a, double b) { return std::pow(a, b); },
      .domains = {above_zero, between(-3, 3)},
  });
}

}  // namespace paceline::ops
