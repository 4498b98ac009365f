#include <cmath>

#include "common/base/error.h"
#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

std::int64_t remainder(std::int64_t a, std::int64_t b) {
  if (b == 0) throw invalid("fmod: integer division by zero: {} / 0", a);
  return b == -1 ? 0 : a % b;
}

}  // namespace

Op fmod() {
  return binary({
      .on_floats = [](double a, double b) { return std::fmod(a, b); },
      .on_integers = remainder,
      .domains = {any_value, between(1, 5)},
  });
}

}  // namespace paceline::ops
