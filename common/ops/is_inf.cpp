#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op is_inf() {
  return predicate([](double x) { return std::isinf(x); });
}

}  // namespace paceline::ops
