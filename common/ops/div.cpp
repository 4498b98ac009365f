#include "common/base/error.h"
#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

std::int64_t divide(std::int64_t a, std::int64_t b) {
  if (b == 0) throw invalid("div: integer division by zero: {} / 0", a);
  return b == -1 ? wrapping_sub(0, a) : a / b;  // The lowest integer over -1 wraps around.
}

}  // namespace

Op div() {
  return binary({
      .on_floats = [](double a, double b) { return a / b; },
      .on_integers = divide,
      .domains = {any_value, between(1, 5)},
  });
}

}  // namespace paceline::ops
