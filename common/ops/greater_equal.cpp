#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op greater_equal() {
  return comparison({
      .on_floats = [](double a, double b) { return a >= b; },
      .on_integers = [](std::int64_t a, std::int64_t b) { return a >= b; },
  });
}

}  // namespace paceline::ops
