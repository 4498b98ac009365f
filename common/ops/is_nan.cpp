#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op is_nan() {
  return predicate([](double x) { return std::isnan(x); });
}

}  // namespace paceline::ops
